"""Sends a file as the two versions of Starlette do that MoRAG is run with.

0.41 knows ranges, and has its ETag in quotes; 0.27 sends all of a file to whoever asks, and its
ETag has none.
"""

import hashlib
import re
from collections.abc import AsyncIterator, Mapping
from email.utils import formatdate
from pathlib import Path
from urllib.parse import quote

from starlette.responses import PlainTextResponse, Response, StreamingResponse

_BLOCK = 64 * 1024
_RANGE = re.compile(r"bytes=(\d*)-(\d*)")


def download(file: Path, asked: Mapping[str, str], *, ranges: bool) -> Response:
    size, headers = file.stat().st_size, _headers(file, ranges=ranges)
    found = _RANGE.fullmatch(asked.get("range", "")) if ranges else None
    condition = asked.get("if-range")
    if condition is not None and condition not in {headers["etag"], headers["last-modified"]}:
        found = None
    if found is None or not any(found.groups()):
        return _part(file, 0, size, headers, status=200)
    start, end = _bounds(found, size)
    if start >= size:
        return PlainTextResponse(status_code=416, headers={"content-range": f"*/{size}"})
    headers["content-range"] = f"bytes {start}-{end - 1}/{size}"
    return _part(file, start, end, headers, status=206)


def _headers(file: Path, *, ranges: bool) -> dict[str, str]:
    state = file.stat()
    tag = hashlib.md5(f"{state.st_mtime}-{state.st_size}".encode(), usedforsecurity=False)
    name = quote(file.name)
    told = f'filename="{name}"' if name == file.name else f"filename*=utf-8''{name}"
    headers = {
        "content-disposition": f"attachment; {told}",
        "last-modified": formatdate(state.st_mtime, usegmt=True),
        "etag": f'"{tag.hexdigest()}"' if ranges else tag.hexdigest(),
    }
    return headers | ({"accept-ranges": "bytes"} if ranges else {})


def _bounds(found: re.Match[str], size: int) -> tuple[int, int]:
    """The end is not part of it."""
    first, last = found.groups()
    if not first:
        return max(0, size - int(last)), size
    return int(first), min(int(last) + 1, size) if last else size


def _part(file: Path, start: int, end: int, headers: dict[str, str], *, status: int) -> Response:
    return StreamingResponse(
        _pieces(file, start, end),
        status_code=status,
        media_type="application/octet-stream",
        headers=headers | {"content-length": str(end - start)},
    )


async def _pieces(file: Path, start: int, end: int) -> AsyncIterator[bytes]:
    while start < end:
        # Not in a thread, for which nobody waits on virtual time; and no file stays open, as this
        # is left where it stands when the caller goes.
        with file.open("rb") as source:
            source.seek(start)
            piece = source.read(min(_BLOCK, end - start))
        if not piece:
            return
        start += len(piece)
        yield piece
