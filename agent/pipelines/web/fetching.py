"""Fetches one page of the public internet into a file, and keeps the owner's house shut.

- Only http and https, on the ports where pages are; no name or password in the URL.
- The host is resolved once, every address it has must be public, and that address is connected to.
- Redirections come under the same rules anew, five at most, and never from https to http.
- No cookies, no authorisation, no proxy of the environment: nobody learns who asks.
- One deadline over all, a limit on the size, and only what a page may be.
- A page that a person asks for by its address is fetched whatever robots.txt says, as by a browser;
  nothing else is: no link is followed, no picture loaded.
"""

import socket
from dataclasses import dataclass
from http.client import HTTPException, HTTPResponse, IncompleteRead
from pathlib import Path
from typing import cast
from urllib.parse import urljoin

from agent.model.ids import Bytes, Seconds
from agent.model.work import PipelineSettings
from agent.pipelines.errors import (
    InputUnavailableError,
    MediaUnreadableError,
    OptionsInvalidError,
    TooLargeError,
    UnsupportedMediaError,
)
from agent.pipelines.web.addresses import is_public
from agent.pipelines.web.connecting import (
    Connection,
    Deadline,
    MayAsk,
    Resolve,
    checked_addresses,
    resolve,
)
from agent.pipelines.web.targets import Target, target_of

_REDIRECTIONS = frozenset({301, 302, 303, 307, 308})
_MOST_REDIRECTIONS = 5
_MAX_SIZE, _LIMIT = Bytes(20 * 1024**2), Seconds(60.0)
_CHUNK = 64 * 1024
_KINDS = frozenset({"text/html", "application/xhtml+xml", "multipart/related", "message/rfc822"})
_ENCODINGS = frozenset({"", "identity", "gzip", "x-gzip"})
_OK = 200
_GONE = frozenset({400, 401, 403, 404, 405, 406, 410, 414, 451})
"""What the same question will be answered tomorrow, too."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Rules:
    may_ask: MayAsk = is_public
    any_port: bool = False
    """In a home, pages are on ports of all kinds."""
    max_size: Bytes = _MAX_SIZE
    limit: Seconds = _LIMIT
    resolve: Resolve = resolve

    @classmethod
    def of(cls, settings: PipelineSettings) -> "Rules":
        """The owner may say that their own network may be asked, too."""
        if settings.allow_private_addresses:
            return cls(may_ask=lambda _address: True, any_port=True)
        return cls()


@dataclass(frozen=True, slots=True)
class Fetched:
    url: str
    """Where the last redirection led."""
    media_type: str
    charset: str | None
    is_packed: bool
    """By gzip, though nobody asked for it; unpacked in the box."""


def fetch(url: str, into: Path, rules: Rules) -> Fetched:
    """Raises `OptionsInvalidError` for what is not allowed, else one that says what came."""
    deadline = Deadline(rules.limit)
    target = target_of(url, any_port=rules.any_port)
    for _ in range(_MOST_REDIRECTIONS + 1):
        try:
            answer = _ask(target, into, rules, deadline)
        except (OSError, HTTPException) as error:
            raise InputUnavailableError(
                f"the host {target.host[:80]!r} broke off ({type(error).__name__})."
            ) from error
        if isinstance(answer, Fetched):
            return answer
        target = _next_target(target, answer, rules)
    raise MediaUnreadableError(f"the page redirects more than {_MOST_REDIRECTIONS} times.")


def _ask(target: Target, into: Path, rules: Rules, deadline: Deadline) -> Fetched | str:
    """The page, or where else it is."""
    addresses = checked_addresses(target, rules.resolve, rules.may_ask)
    with Connection(target, addresses, deadline) as connection:
        connection.send(_request(target))
        # It asks of a socket for no more than a connection has.
        response = HTTPResponse(cast("socket.socket", connection), method="GET")
        response.begin()
        location = response.headers.get("Location")
        if response.status in _REDIRECTIONS and location:
            return location
        fetched = _described(target, response)
        _save(response, into, rules.max_size)
        return fetched


def _next_target(target: Target, location: str, rules: Rules) -> Target:
    try:
        url = urljoin(target.url, location.strip())
    except ValueError as error:
        raise MediaUnreadableError("the page redirects to what is no URL.") from error
    there = target_of(url, any_port=rules.any_port)
    if target.is_secure and not there.is_secure:
        raise OptionsInvalidError("the page redirects from https to http, which is not followed.")
    return there


def _request(target: Target) -> bytes:
    fields = {
        "Host": target.authority,
        "User-Agent": "morag-agent (fetches single pages on request)",
        "Accept": "text/html,application/xhtml+xml;q=0.9",
        "Accept-Encoding": "identity",
        "Connection": "close",
    }
    head = "".join(f"{name}: {value}\r\n" for name, value in fields.items())
    return f"GET {target.path} HTTP/1.1\r\n{head}\r\n".encode("ascii")


def _described(target: Target, response: HTTPResponse) -> Fetched:
    _check_status(response.status)
    headers = response.headers
    media_type = headers.get_content_type() if "Content-Type" in headers else "text/html"
    if media_type not in _KINDS:
        raise UnsupportedMediaError(
            f"what is at this URL is no web page but {media_type[:60]!r};"
            " download it and send it as a file."
        )
    encoding = (headers.get("Content-Encoding") or "").strip().lower()
    if encoding not in _ENCODINGS:
        raise MediaUnreadableError(f"the page is packed by {encoding[:30]!r}, unasked.")
    return Fetched(
        target.url, media_type, headers.get_content_charset(), encoding not in {"", "identity"}
    )


def _check_status(status: int) -> None:
    if status in _GONE:
        raise MediaUnreadableError(f"the server does not give out this page (status {status}).")
    if status != _OK:
        raise InputUnavailableError(f"the server has trouble with this page (status {status}).")


def _save(response: HTTPResponse, into: Path, most: Bytes) -> None:
    size = 0
    with into.open("wb") as file:
        while chunk := response.read(_CHUNK):
            size += len(chunk)
            if size > most:
                raise TooLargeError(f"the page is over the limit of {most // 1024**2} MiB.")
            file.write(chunk)
    if response.length:
        raise IncompleteRead(b"", response.length)
