"""A file of ours as an HTTP answer: one range or all of it, with a strong ETag, streamed."""

import asyncio
import os
import re
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from io import FileIO
from pathlib import Path
from urllib.parse import quote

import structlog
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse
from starlette.types import Receive, Scope, Send

from agent.server.problems import ProblemError
from agent.wire.problems import ProblemCode

BLOCK = 1024 * 1024
# No file has a size of more digits, and `int()` refuses thousands of them.
_RANGE = re.compile(r"bytes\s*=\s*(\d{0,19})\s*-\s*(\d{0,19})", re.IGNORECASE | re.ASCII)
_MEDIA_TYPE = re.compile(r"[\w!#$&^.+-]+/[\w!#$&^.+-]+(?:\s*;\s*[\w.+-]+=[\w.+-]+)*", re.ASCII)


@dataclass(frozen=True, slots=True)
class Content:
    path: Path
    size: int
    sha256: str
    media_type: str
    filename: str

    @property
    def etag(self) -> str:
        return f'"{self.sha256}"'


@dataclass(frozen=True, slots=True)
class Span:
    """Bytes `first` to `last`, both included, of a file of `size`."""

    first: int
    last: int
    size: int

    @property
    def length(self) -> int:
        return self.last - self.first + 1

    @property
    def content_range(self) -> str:
        return f"bytes {self.first}-{self.last}/{self.size}"


async def send(
    request: Request, content: Content, count: Callable[[int], None], missing: ProblemError
) -> Response:
    """200 with everything, 206 with one range; raises 416. Several ranges at once: everything.

    `missing` is raised when the file is not there as a whole: nothing has been answered by then.
    """
    headers = {
        "Accept-Ranges": "bytes",
        "ETag": content.etag,
        "Cache-Control": "private, no-cache",
        "X-Content-Type-Options": "nosniff",
        "Content-Disposition": f"attachment; filename*=UTF-8''{_quoted(content.filename)}",
    }
    span = wanted(request.headers.get("range"), request.headers.get("if-range"), content)
    whole = Span(0, content.size - 1, content.size)
    if span is not None:
        headers["Content-Range"] = span.content_range
    sent = span or whole
    headers["Content-Length"] = str(sent.length)
    status = 200 if span is None else 206
    media_type = content.media_type if _MEDIA_TYPE.fullmatch(content.media_type) else _UNKNOWN
    file = await asyncio.to_thread(_open, content)
    if file is None:
        structlog.get_logger("agent.server").error("file.missing", path=str(content.path))
        raise missing
    if request.method == "HEAD":
        file.close()
        return Response(None, status, headers, media_type)
    return _FileResponse(file, _read(file, sent, count), status, headers, media_type)


_UNKNOWN = "application/octet-stream"


def wanted(range_header: str | None, if_range: str | None, content: Content) -> Span | None:
    """None: send everything (no range, one that we do not understand, or another version)."""
    if range_header is None or (if_range is not None and if_range.strip() != content.etag):
        return None
    match = _RANGE.fullmatch(range_header.strip())
    if match is None or match.groups() == ("", ""):
        return None
    first, last = match.groups()
    if first and last and int(first) > int(last):
        return None
    span = _span(first, last, content.size)
    if span.first >= content.size or span.length <= 0:
        raise ProblemError(
            ProblemCode.BAD_REQUEST,
            f"the file has {content.size} bytes",
            status=416,
            headers={"Content-Range": f"bytes */{content.size}", "ETag": content.etag},
        )
    return span


def _span(first: str, last: str, size: int) -> Span:
    if not first:
        return Span(max(0, size - int(last)), size - 1, size)
    end = int(last) if last else size - 1
    return Span(int(first), min(end, size - 1), size)


def _open(content: Content) -> FileIO | None:
    """None for a file that is gone or is not the one that was stored."""
    try:
        file = FileIO(content.path)
    except FileNotFoundError:
        return None
    if os.fstat(file.fileno()).st_size == content.size:
        return file
    file.close()
    return None


class _FileResponse(StreamingResponse):
    """Closes the file also when nobody stayed to read the first byte."""

    def __init__(
        self,
        file: FileIO,
        body: AsyncIterator[bytes],
        status: int,
        headers: dict[str, str],
        media_type: str,
    ) -> None:
        super().__init__(body, status, headers, media_type)
        self._file = file

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            await super().__call__(scope, receive, send)
        finally:
            self._file.close()


async def _read(file: FileIO, span: Span, count: Callable[[int], None]) -> AsyncIterator[bytes]:
    await asyncio.to_thread(file.seek, span.first)
    left = span.length
    while left > 0 and (block := await asyncio.to_thread(file.read, min(BLOCK, left))):
        left -= len(block)
        count(len(block))
        yield block


def _quoted(filename: str) -> str:
    return quote(filename.encode("utf-8", "replace"), safe="")
