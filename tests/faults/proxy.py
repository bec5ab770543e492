"""A TCP proxy on loopback that breaks connections on purpose, each fault a value.

What was passed on is counted, so that a test can say what a fault cost.
"""

import asyncio
import fcntl
import socket
import struct
import termios
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress
from typing import TypeVar

from tests.faults.faults import (
    AnswerDropped,
    Bandwidth,
    BlackHole,
    CorruptByte,
    Cut,
    Fault,
    Latency,
    Plan,
    Reset,
    Slices,
    SlowClose,
    Way,
)

BLOCK = 256 * 1024

F = TypeVar("F")


class _EndError(Exception):
    """This connection is over."""

    def __init__(self, *, is_reset: bool = False) -> None:
        super().__init__()
        self.is_reset = is_reset


class _Line:
    """One connection through the proxy."""

    def __init__(self, faults: Sequence[Fault]) -> None:
        self.faults = faults
        self.passed = {Way.DOWN: 0, Way.UP: 0}
        self.is_swallowed = False

    async def pump(
        self, way: Way, source: asyncio.StreamReader, sink: asyncio.StreamWriter
    ) -> None:
        while block := await source.read(BLOCK):
            self._drop_answer(way)
            for piece in self._pieces(way, self._corrupted(way, block)):
                await self._pass(way, piece, sink)
        if self.is_swallowed:
            await asyncio.Event().wait()
        for fault in self._of(SlowClose):
            await asyncio.sleep(fault.seconds if way is Way.DOWN else 0.0)
        if sink.can_write_eof():
            sink.write_eof()

    async def _pass(self, way: Way, piece: bytes, sink: asyncio.StreamWriter) -> None:
        end = self._end(way)
        room = len(piece) if end is None else min(len(piece), end.after - self.passed[way])
        if room and not self.is_swallowed:
            await self._delay(way, room)
            sink.write(piece[:room])
            await sink.drain()
        self.passed[way] += room if not self.is_swallowed else 0
        if end is None or self.passed[way] < end.after:
            return
        match end:
            case BlackHole():
                self.is_swallowed = True
            case Cut():
                raise _EndError
            case Reset():
                await _arrived(sink)
                raise _EndError(is_reset=True)

    async def _delay(self, way: Way, size: int) -> None:
        pause = sum(fault.seconds for fault in self._of(Latency) if fault.way is way)
        pause += sum(size / fault.bytes_per_s for fault in self._of(Bandwidth) if fault.way is way)
        if pause:
            await asyncio.sleep(pause)

    def _end(self, way: Way) -> Cut | Reset | BlackHole | None:
        ends = [f for f in self.faults if isinstance(f, Cut | Reset | BlackHole) and f.way is way]
        return min(ends, key=lambda fault: fault.after, default=None)

    def _drop_answer(self, way: Way) -> None:
        for fault in self._of(AnswerDropped):
            if way is Way.DOWN and self.passed[Way.UP] > fault.after:
                raise _EndError

    def _pieces(self, way: Way, block: bytes) -> Sequence[bytes]:
        for fault in self._of(Slices):
            if fault.way is way:
                return [block[at : at + fault.size] for at in range(0, len(block), fault.size)]
        return [block]

    def _corrupted(self, way: Way, block: bytes) -> bytes:
        for fault in self._of(CorruptByte):
            at = fault.at - self.passed[way]
            if fault.way is way and 0 <= at < len(block):
                return block[:at] + bytes([block[at] ^ 1]) + block[at + 1 :]
        return block

    def _of(self, kind: type[F]) -> list[F]:
        return [fault for fault in self.faults if isinstance(fault, kind)]


class Proxy:
    """Between a client and the server at `target`, which may be told to be down."""

    def __init__(self, target: tuple[str, int], plan: Plan) -> None:
        self._target = target
        self._plan = plan
        self._tasks: set[asyncio.Task[None]] = set()
        self.lines: list[_Line] = []
        self.port = 0
        self.is_down = False
        """Hang up on everybody who comes."""

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def connections(self) -> int:
        return len(self.lines)

    def passed(self, way: Way) -> int:
        """All bytes that went that way, headers included."""
        return sum(line.passed[way] for line in self.lines)

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        try:
            if not self.is_down:
                await self._carry(reader, writer)
        except asyncio.CancelledError:
            pass  # Our own `stop`; asyncio's streams would log it as a failure.
        finally:
            self._tasks.discard(task)
            await _close(writer)

    async def _carry(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        line = _Line(self._plan(len(self.lines)))
        self.lines.append(line)
        try:
            up_reader, up_writer = await asyncio.open_connection(*self._target, limit=BLOCK)
        except OSError:
            return
        is_reset = False
        try:
            async with asyncio.TaskGroup() as both:
                both.create_task(line.pump(Way.DOWN, up_reader, writer))
                both.create_task(line.pump(Way.UP, reader, up_writer))
        except* _EndError as ends:
            is_reset = any(isinstance(e, _EndError) and e.is_reset for e in ends.exceptions)
        except* OSError:
            pass  # One of the two went by itself.
        finally:
            if is_reset:
                _reset(writer)
            await _close(up_writer)

    async def hang_up(self) -> None:
        """End every connection that is open."""
        tasks = tuple(self._tasks)
        for task in tasks:
            task.cancel()
        if tasks:
            await asyncio.wait(tasks)


@asynccontextmanager
async def proxy_to(port: int, plan: Plan = lambda _: ()) -> AsyncIterator[Proxy]:
    proxy = Proxy(("127.0.0.1", port), plan)
    server = await asyncio.start_server(proxy.serve, "127.0.0.1", 0, limit=BLOCK)
    proxy.port = server.sockets[0].getsockname()[1]
    try:
        yield proxy
    finally:
        server.close()
        await proxy.hang_up()
        await server.wait_closed()


async def _arrived(sink: asyncio.StreamWriter) -> None:
    """Until the peer's kernel has everything: a reset throws away what is still on its way."""
    await sink.drain()
    connected = sink.get_extra_info("socket")
    while sink.transport.get_write_buffer_size() or _unsent(connected.fileno()):
        await asyncio.sleep(0.001)


def _unsent(fd: int) -> int:
    (count,) = struct.unpack("i", fcntl.ioctl(fd, termios.TIOCOUTQ, b"\0" * 4))
    return int(count)


def _reset(writer: asyncio.StreamWriter) -> None:
    connected = writer.get_extra_info("socket")
    with suppress(OSError):
        connected.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    writer.transport.abort()


async def _close(writer: asyncio.StreamWriter) -> None:
    writer.close()
    with suppress(OSError):
        await writer.wait_closed()
