"""An HTTP proxy of our own: whatever host it is asked for, it asks this machine."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AbstractContextManager, asynccontextmanager, suppress
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from tests.edges.background import background
from tests.edges.listening import listening


@dataclass
class HttpProxy:
    port: int = 0
    refuses: str = ""
    """The status line that every CONNECT gets."""
    heard: list[str] = field(default_factory=list)
    """The first line of each request, and who its credentials say it is."""

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(OSError, asyncio.IncompleteReadError):
            head = (await reader.readuntil(b"\r\n\r\n")).decode()
            first, *lines = head.split("\r\n")
            self.heard += [first, *(line for line in lines if line.startswith("Proxy-Auth"))]
            method, target, _ = first.split(" ")
            if method == "CONNECT" and self.refuses:
                writer.write(f"HTTP/1.1 {self.refuses}\r\n\r\n".encode())
            else:
                await self._pass(method, target, lines, reader, writer)

    async def _pass(
        self,
        method: str,
        target: str,
        lines: list[str],
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
    ) -> None:
        parts = urlsplit(f"//{target}" if method == "CONNECT" else target)
        up_reader, up_writer = await asyncio.open_connection("127.0.0.1", parts.port)
        if method == "CONNECT":
            writer.write(b"HTTP/1.1 200 Connection established\r\n\r\n")
        else:
            path = f"{parts.path}?{parts.query}" if parts.query else parts.path
            up_writer.write("\r\n".join([f"{method} {path} HTTP/1.1", *lines]).encode())
        try:
            async with asyncio.TaskGroup() as both:
                both.create_task(_pump(reader, up_writer))
                both.create_task(_pump(up_reader, writer))
        finally:
            up_writer.close()


async def _pump(source: asyncio.StreamReader, sink: asyncio.StreamWriter) -> None:
    with suppress(OSError):
        while block := await source.read(65536):
            sink.write(block)
            await sink.drain()
    sink.close()


@asynccontextmanager
async def _proxying() -> AsyncIterator[HttpProxy]:
    proxy = HttpProxy()
    async with listening(proxy.serve) as proxy.port:
        yield proxy


def http_proxy() -> AbstractContextManager[HttpProxy]:
    """In a thread of its own: what is tested blocks."""
    return background(_proxying())
