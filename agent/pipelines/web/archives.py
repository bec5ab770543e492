"""Takes the page out of a saved one (MHTML) that has its pictures beside it."""

import re
from dataclasses import dataclass
from email import policy
from email.message import Message
from email.parser import BytesParser

from agent.pipelines.errors import MediaUnreadableError
from agent.pipelines.web.content import host_of

_FIELD = re.compile(rb"(?:[A-Za-z][A-Za-z0-9-]*:[^\n]*\n(?:[ \t][^\n]*\n)*)+\r?\n")
_RELATED = re.compile(
    rb"^content-type:\s*multipart/(?:related|alternative)", re.IGNORECASE | re.MULTILINE
)
_START = 16 * 1024
_PAGE_TYPES = frozenset({"text/html", "application/xhtml+xml"})


@dataclass(frozen=True, slots=True)
class Saved:
    raw: bytes
    url: str | None
    charset: str | None


def is_archive(raw: bytes) -> bool:
    head = _FIELD.match(raw[:_START])
    return head is not None and _RELATED.search(head[0]) is not None


def unpack_archive(raw: bytes) -> Saved:
    """The first page in it: the others are its frames."""
    message = BytesParser(policy=policy.compat32).parsebytes(raw)
    page = next((part for part in message.walk() if part.get_content_type() in _PAGE_TYPES), None)
    if page is None:
        raise MediaUnreadableError("no page is in the web archive.")
    payload = page.get_payload(decode=True)
    return Saved(
        payload if isinstance(payload, bytes) else b"",
        _location(message, page),
        page.get_content_charset(),
    )


def _location(message: Message, page: Message) -> str | None:
    told = message["Snapshot-Content-Location"] or page["Content-Location"]
    url = str(told or "").strip()
    return url if host_of(url) else None
