"""What the edges do with a lane; the limits themselves are tried out on real sockets."""

import asyncio
import socket
from collections.abc import Awaitable, Callable

import pytest

from agent.edges.downloads import HttpInputSource
from agent.edges.http import Connection, Sockets
from agent.edges.lanes import Limits, Socket, buffer_for
from agent.edges.tus import TusClient
from agent.model.errors import ServerUnavailableError
from agent.model.ids import Bytes, Seconds
from tests.edges.server import connected
from tests.edges.transfers import download, upload
from tests.edges.wire import Wire
from tests.fakes.raw_http import Reply, Request, raw_server

KB = 1000


class Slow:
    """A lane that holds every piece up for a while."""

    def __init__(
        self, held: float = 0.0, piece: int = 1 << 16, shut_after: int | None = None
    ) -> None:
        self.piece = Bytes(piece)
        self.held = held
        self.shut_after = shut_after
        self.entered = 0
        self.carried: list[int] = []

    @property
    def closed(self) -> str | None:
        is_shut = self.shut_after is not None and sum(self.carried) >= self.shut_after
        return "outside the network hours" if is_shut else None

    async def enter(self) -> None:
        self.entered += 1

    async def carry(self, size: int) -> Seconds:
        self.carried.append(size)
        await asyncio.sleep(self.held)
        return Seconds(self.held)


def taking(request: Request) -> Reply:
    return Reply(204, {"Upload-Offset": str(len(request.body))})


@pytest.mark.real_time
async def test_a_download_goes_over_its_lane_and_tells_how_long_that_held_it() -> None:
    lane = Slow(held=0.02)
    async with raw_server(Reply(body=b"x" * 1000)) as server, connected(server.url) as connection:
        source = HttpInputSource(connection, lane=lane)
        async with source.open("/a", offset=0, etag=None) as body:
            got = b"".join([chunk async for chunk in body.chunks()])
            held = body.held

    assert (len(got), lane.entered, sum(lane.carried)) == (1000, 1, 1000)
    assert held == pytest.approx(0.02 * len(lane.carried))


@pytest.mark.real_time
async def test_a_lane_that_shuts_breaks_a_download_off() -> None:
    lane = Slow(shut_after=1)
    async with raw_server(Reply(body=b"x" * 1000)) as server, connected(server.url) as connection:
        source = HttpInputSource(connection, lane=lane)
        async with source.open("/a", offset=0, etag=None) as body:
            with pytest.raises(ServerUnavailableError, match="outside the network hours"):
                async for _ in body.chunks():
                    pass


@pytest.mark.real_time
async def test_an_upload_goes_in_the_pieces_of_its_lane() -> None:
    lane = Slow(piece=300)
    async with raw_server(taking) as server, connected(server.url) as connection:
        offset = await TusClient(connection, lane=lane).append(
            f"{server.url}/a", Bytes(0), bytes(KB)
        )

    assert (offset, lane.entered, lane.carried) == (KB, 1, [300, 300, 300, 100])


@pytest.mark.real_time
async def test_our_own_limit_is_never_taken_for_a_stall_of_the_server() -> None:
    """Each piece is held up for longer than the server may be silent."""
    lane = Slow(held=0.8, piece=300)
    async with raw_server(taking) as server, connected(server.url) as connection:
        tus = TusClient(connection, lane=lane, stall=0.6)
        offset = await tus.append(f"{server.url}/a", Bytes(0), bytes(KB))

    assert offset == KB


@pytest.mark.real_time
async def test_a_server_that_stalls_is_found_out_behind_a_lane_too() -> None:
    stalling = Reply(200, body=b"x" * 10, stall_after=0)
    async with raw_server(stalling) as server, connected(server.url) as connection:
        tus = TusClient(connection, lane=Slow(held=0.01, piece=300), stall=0.3)
        with pytest.raises(ServerUnavailableError, match="under 1 KiB"):
            await tus.append(f"{server.url}/a", Bytes(0), bytes(KB))


@pytest.mark.real_time
async def test_sockets_are_fitted_before_their_first_byte() -> None:
    seen = list[Socket]()
    async with raw_server(Reply(body=b"{}")) as server:
        connection = Connection(server.url, None, sockets=Sockets(on_connect=seen.append))
        for _ in range(2):
            await connection.call("GET", f"{server.url}/a")
        await connection.close()

    assert len(seen) == server.connections == 1


def test_a_limit_sets_both_buffers_of_a_socket() -> None:
    with socket.socket() as one:
        Limits(down=100 * KB, up=200 * KB).apply(one)
        got = [one.getsockopt(socket.SOL_SOCKET, o) for o in (socket.SO_RCVBUF, socket.SO_SNDBUF)]

    assert got == [25 * KB, 50 * KB]  # the kernel doubles them


def test_without_a_limit_a_socket_is_left_alone() -> None:
    with socket.socket() as one, socket.socket() as other:
        Limits().apply(one)
        buffers = [s.getsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF) for s in (one, other)]

    assert buffers[0] == buffers[1]


@pytest.mark.parametrize(
    ("rate", "allowed", "buffer"),
    [
        (2_000 * KB, 4_000_000, 250 * KB),
        (2_000 * KB, 212_992, 212_992),
        (12_500 * KB, 212_992, None),
        (1024, 4_000_000, 8 * 1024),
    ],
)
def test_a_buffer_is_an_eighth_of_a_second_where_the_system_lets_it(
    rate: int, allowed: int, buffer: int | None
) -> None:
    assert buffer_for(rate, allowed) == buffer


@pytest.mark.real_time
@pytest.mark.parametrize("transfer", [download, upload])
async def test_a_limit_holds_on_the_wire(
    transfer: Callable[[int, float], Awaitable[Wire]],
) -> None:
    """Over four seconds; `make bench` measures half a minute."""
    rate = 500 * KB

    wire = await transfer(rate, 4.0)

    assert wire.rate == pytest.approx(rate, rel=0.12)
    assert wire.fastest_second <= 2 * rate
