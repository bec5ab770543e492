"""Server-sent events: bytes in, the data of each event out (WHATWG HTML, section 9.2)."""

from collections.abc import AsyncIterator

from agent.model.errors import ServerUnavailableError
from agent.wire.base import MAX_JSON_BODY


async def events(chunks: AsyncIterator[bytes]) -> AsyncIterator[str]:
    """Comments and fields that we do not use pass silently; so does an event cut in the middle."""
    data: list[str] = []
    async for line in _lines(chunks):
        field, _, value = line.partition(":")
        value = value.removeprefix(" ")
        if field == "data":
            data.append(value)
        elif not line and data:
            yield "\n".join(data)
            data = []


async def _lines(chunks: AsyncIterator[bytes]) -> AsyncIterator[str]:
    # Not `str.splitlines`: it also splits at U+2028, which may stand in a message.
    buffer = b""
    async for chunk in chunks:
        *whole, buffer = (buffer + chunk).split(b"\n")
        for line in whole:
            yield line.removesuffix(b"\r").decode("utf-8", "replace")
        if len(buffer) > MAX_JSON_BODY:
            raise ServerUnavailableError("a line of the event stream is over 1 MiB", answered=True)
