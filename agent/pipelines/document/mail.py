"""Reads an e-mail: who wrote what to whom, and what was attached."""

from collections.abc import Iterator
from email import policy
from email.header import decode_header, make_header
from email.message import Message
from email.parser import BytesParser
from email.utils import parsedate_to_datetime

from agent.pipelines.document.charset import read_text
from agent.pipelines.document.content import Content, Facts, Page
from agent.pipelines.document.kinds import Kind
from agent.pipelines.document.tables import one_line
from agent.pipelines.errors import MediaUnreadableError

_SHOWN = ("From", "To", "Cc", "Date", "Subject")
_LONGEST_FIELD = 2000
_MOST_ATTACHMENTS = 100
_MOST_PARTS = 1000
_DEEPEST = 20


def read_mail(raw: bytes) -> Content:
    # Old messages break the rules of today's parser in many ways; `compat32` never raises.
    message = BytesParser(policy=policy.compat32).parsebytes(raw)
    parts = list(_parts(message, _DEEPEST))
    fields = _fields(message)
    body = _body(parts)
    attached = [_attachment(part) for part in parts if _is_attachment(part)]
    if not body and not attached:
        raise MediaUnreadableError("the message holds no text; it has neither words nor files.")
    heading = one_line(fields.get("Subject", "")) or "Message"
    written = [f"# {heading}", _field_list(fields), body, _attachment_list(attached)]
    return Content(
        kind=Kind.EMAIL,
        pages=[Page("\n\n".join(filter(None, written)))],
        facts=Facts(
            title=fields.get("Subject"), author=fields.get("From"), created=_created(message)
        ),
    )


def _fields(message: Message) -> dict[str, str]:
    found = ((name, _field(message, name)) for name in _SHOWN)
    return {name: value for name, value in found if value}


def _field(message: Message, name: str) -> str:
    values = message.get_all(name) or []
    return one_line(", ".join(map(_decoded, values)))[:_LONGEST_FIELD]


def _decoded(value: object) -> str:
    try:
        return str(make_header(decode_header(str(value))))
    except (LookupError, UnicodeError, ValueError):
        return str(value)


def _created(message: Message) -> str | None:
    try:
        return parsedate_to_datetime(str(message["Date"])).isoformat()
    except (TypeError, ValueError):
        return None


def _parts(message: Message, depth: int) -> Iterator[Message]:
    """The leaves of the message: a forwarded one is a leaf, too."""
    stack, count = [(message, depth)], 0
    while stack and count < _MOST_PARTS:
        part, left = stack.pop()
        inner = part.get_payload()
        if part.get_content_maintype() == "multipart" and isinstance(inner, list):
            stack += [
                (each, left - 1) for each in inner[::-1] if isinstance(each, Message) and left
            ]
        else:
            count += 1
            yield part


def _is_attachment(part: Message) -> bool:
    return part.get_content_disposition() == "attachment" or part.get_filename() is not None


def _body(parts: list[Message]) -> str:
    """Plain text where there is some; the same in HTML otherwise."""
    for subtype in ("plain", "html"):
        texts = [
            _text(part)
            for part in parts
            if part.get_content_type() == f"text/{subtype}" and not _is_attachment(part)
        ]
        written = [_written(text, subtype) for text in texts if text.strip()]
        if any(written):
            return "\n\n".join(filter(None, written))
    return ""


def _written(text: str, subtype: str) -> str:
    if subtype == "plain":
        return text.strip()
    from agent.pipelines.document.html import as_markdown, parsed

    return as_markdown(parsed(text))


def _text(part: Message) -> str:
    payload = part.get_payload(decode=True)
    raw = payload if isinstance(payload, bytes) else b""
    charset = part.get_content_charset()
    try:
        return raw.decode(charset or "ascii").replace("\r\n", "\n")
    except (LookupError, UnicodeError):
        return read_text(raw).content if raw.strip() else ""


def _attachment(part: Message) -> str:
    name = one_line(_decoded(part.get_filename() or "unnamed"))[:200]
    payload = part.get_payload(decode=True)
    size = f", {len(payload)} bytes" if isinstance(payload, bytes) else ""
    return f"- {name} ({part.get_content_type()}{size})"


def _field_list(fields: dict[str, str]) -> str:
    return "\n".join(f"- **{name}**: {value}" for name, value in fields.items())


def _attachment_list(attached: list[str]) -> str:
    if not attached:
        return ""
    left = len(attached) - _MOST_ATTACHMENTS
    more = [f"- … and {left} more"] if left > 0 else []
    return "\n".join(["## Attachments", "", *attached[:_MOST_ATTACHMENTS], *more])
