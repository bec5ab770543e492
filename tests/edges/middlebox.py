"""Something on the way that loses patience with silence, as NAT boxes and proxies do."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from enum import Enum

from tests.edges.listening import listening


class Manner(Enum):
    HANG_UP = "hang up"
    FORGET = "forget"
    """Nothing is passed on any more, and nobody is told."""
    ANSWER = "answer"
    """504, as a reverse proxy does."""


@dataclass
class Middlebox:
    target: int
    patience: float
    manner: Manner
    port: int = 0

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        up_reader, up_writer = await asyncio.open_connection("127.0.0.1", self.target)
        quiet = asyncio.timeout(self.patience)
        try:
            async with quiet, asyncio.TaskGroup() as both:
                both.create_task(self._pump(reader, up_writer, quiet))
                both.create_task(self._pump(up_reader, writer, quiet))
        except TimeoutError:
            if self.manner is Manner.ANSWER:
                writer.write(b"HTTP/1.1 504 Gateway Timeout\r\nContent-Length: 0\r\n\r\n")
            if self.manner is Manner.FORGET:
                await asyncio.Event().wait()
        finally:
            up_writer.close()

    async def _pump(
        self,
        source: asyncio.StreamReader,
        sink: asyncio.StreamWriter,
        quiet: asyncio.Timeout,
    ) -> None:
        with suppress(OSError):
            while block := await source.read(65536):
                quiet.reschedule(asyncio.get_running_loop().time() + self.patience)
                sink.write(block)
                await sink.drain()
        sink.close()


@asynccontextmanager
async def middlebox(target: int, patience: float, manner: Manner) -> AsyncIterator[Middlebox]:
    box = Middlebox(target, patience, manner)
    async with listening(box.serve) as box.port:
        yield box
