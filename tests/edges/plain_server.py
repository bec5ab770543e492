"""A server that knows `/healthz` and nothing else, and hangs up on those who idle."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from email.utils import formatdate

from tests.edges.listening import listening

HEALTH = json.dumps({"version": "9", "time": "2020-01-01T00:00:00+00:00"}).encode()


@asynccontextmanager
async def plain_server(*, patience: float = 60.0, date: str | None = None) -> AsyncIterator[int]:
    """Its port. `date` is what it takes the time for."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(OSError, TimeoutError, asyncio.IncompleteReadError):
            while True:
                async with asyncio.timeout(patience):
                    head = await reader.readuntil(b"\r\n\r\n")
                is_known = head.split(b" ")[1] == b"/healthz"
                writer.write(_answer(HEALTH if is_known else b"{}", date, is_known=is_known))

    async with listening(serve) as port:
        yield port


def _answer(body: bytes, date: str | None, *, is_known: bool) -> bytes:
    status = "200 OK" if is_known else "404 Not Found"
    stamp = date or formatdate(usegmt=True)
    head = f"HTTP/1.1 {status}\r\nDate: {stamp}\r\nContent-Length: {len(body)}\r\n\r\n"
    return head.encode() + body
