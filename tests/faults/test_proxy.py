"""The proxy keeps its word: otherwise no test that uses it says anything."""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import pytest

from tests.faults.faults import (
    AnswerDropped,
    Bandwidth,
    BlackHole,
    CorruptByte,
    Cut,
    Fault,
    Latency,
    Reset,
    Slices,
    SlowClose,
    Way,
)
from tests.faults.proxy import Proxy, proxy_to

pytestmark = pytest.mark.real_time

TEXT = bytes(range(256)) * 40
Say = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


async def echo(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while block := await reader.read(1 << 16):
        writer.write(block)
        await writer.drain()
    writer.close()


class Listening:
    """A server that remembers what it heard, and answers once."""

    def __init__(self) -> None:
        self.heard = bytearray()

    async def __call__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while block := await reader.read(1 << 16):
            self.heard += block
            if len(self.heard) >= len(TEXT):
                writer.write(b"heard")
        writer.close()


@asynccontextmanager
async def through(
    *faults: Fault, say: Say = echo
) -> AsyncIterator[tuple[Proxy, asyncio.StreamReader, asyncio.StreamWriter]]:
    server = await asyncio.start_server(say, "127.0.0.1", 0)
    async with server, proxy_to(server.sockets[0].getsockname()[1], lambda _: faults) as proxy:
        reader, writer = await asyncio.open_connection("127.0.0.1", proxy.port)
        try:
            yield proxy, reader, writer
        finally:
            writer.transport.abort()


async def echoed(*faults: Fault) -> bytes:
    async with through(*faults) as (_, reader, writer):
        writer.write(TEXT)
        writer.write_eof()
        return await reader.read(-1)


async def test_without_faults_everything_arrives_and_is_counted() -> None:
    async with through() as (proxy, reader, writer):
        writer.write(TEXT)
        writer.write_eof()

        assert await reader.read(-1) == TEXT
        assert (proxy.passed(Way.UP), proxy.passed(Way.DOWN)) == (len(TEXT), len(TEXT))
        assert proxy.connections == 1


@pytest.mark.parametrize("way", Way)
async def test_a_cut_lets_exactly_so_many_bytes_through(way: Way) -> None:
    assert await echoed(Cut(5001, way)) == (TEXT[:5001] if way is Way.DOWN else b"")


async def test_a_reset_comes_behind_the_bytes_before_it() -> None:
    async with through(Reset(5001)) as (_, reader, writer):
        writer.write(TEXT)

        assert await reader.readexactly(5001) == TEXT[:5001]
        with pytest.raises(ConnectionResetError):
            await reader.read(1)


async def test_into_a_black_hole_everything_goes_and_nothing_comes_out() -> None:
    async with through(BlackHole(5001)) as (proxy, reader, writer):
        writer.write(TEXT)
        writer.write_eof()

        assert await reader.readexactly(5001) == TEXT[:5001]
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.2):
                await reader.read(1)
        assert proxy.passed(Way.DOWN) == 5001


async def test_a_corrupt_byte_is_the_only_one() -> None:
    came = await echoed(CorruptByte(777))

    assert [at for at, (a, b) in enumerate(zip(came, TEXT, strict=True)) if a != b] == [777]


async def test_slices_arrive_whole_in_the_end() -> None:
    assert await echoed(Slices(97), Slices(3, Way.UP)) == TEXT


async def test_latency_and_bandwidth_take_their_time() -> None:
    began = time.monotonic()

    assert await echoed(Latency(0.1), Bandwidth(len(TEXT) / 0.2)) == TEXT

    assert time.monotonic() - began >= 0.3


async def test_a_slow_close_comes_after_all_bytes() -> None:
    async with through(SlowClose(0.3)) as (_, reader, writer):
        writer.write(TEXT)
        writer.write_eof()
        await reader.readexactly(len(TEXT))
        began = time.monotonic()

        assert await reader.read(1) == b""

        assert time.monotonic() - began >= 0.2


async def test_an_answer_is_dropped_after_the_server_has_heard_everything() -> None:
    say = Listening()
    async with through(AnswerDropped(), say=say) as (_, reader, writer):
        writer.write(TEXT)

        assert await reader.read(-1) == b""
        assert say.heard == TEXT


async def test_while_it_is_down_everybody_is_hung_up_on() -> None:
    async with through() as (proxy, reader, _):
        proxy.is_down = True
        await proxy.hang_up()
        assert await reader.read(-1) == b""

        again, goodbye = await asyncio.open_connection("127.0.0.1", proxy.port)
        assert await again.read(-1) == b""
        assert proxy.connections == 1
        goodbye.close()
