"""Our uploader and a tus server that somebody else wrote (tuspyserver, from PyPI)."""

import time
import zlib
from collections.abc import Iterator
from pathlib import Path

import pytest

from agent.edges.http import Connection
from tests.faults.faults import AnswerDropped, Cut, Fault, Reset, Way
from tests.faults.proxy import proxy_to
from tests.faults.sending import foreign_tus, offer_to, sending, stored

pytestmark = pytest.mark.real_time

MB = 10**6
MIB = 1024 * 1024


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("foreign")


@pytest.fixture(scope="module")
def port(files: Path) -> Iterator[int]:
    with foreign_tus(files) as port:
        yield port


async def test_a_result_is_whole_at_a_foreign_server(
    port: int, files: Path, tmp_path: Path
) -> None:
    size = 20 * MB + 1
    url = f"http://127.0.0.1:{port}"
    connection = Connection(url, "the-token")
    async with sending(tmp_path, connection, offer_to(f"{url}/files"), size) as one:
        await one.run()
    await connection.close()

    assert stored(files, size) == one.artifacts[0].sha256
    assert one.sink.sent == size
    assert one.sink.calls[0] == "create"
    assert set(one.sink.calls[1:]) == {"append"}


@pytest.mark.parametrize(
    "fault",
    [
        Cut(300, Way.UP),
        Cut(MIB, Way.UP),
        Cut(7 * MB, Way.UP),
        Reset(7 * MB, Way.UP),
        AnswerDropped(),
        AnswerDropped(3 * MB),
        Cut(0),
        Cut(60),
    ],
    ids=repr,
)
async def test_a_result_arrives_at_a_foreign_server_whatever_happens_to_the_first_connections(
    port: int, files: Path, tmp_path: Path, fault: Fault
) -> None:
    size = 9 * MB + zlib.crc32(repr(fault).encode()) % MB
    async with proxy_to(port, lambda number: () if number > 1 else (fault,)) as proxy:
        connection = Connection(proxy.url, "the-token")
        offer = offer_to(f"{proxy.url}/files")
        async with sending(tmp_path, connection, offer, size) as one:
            await one.run()
        await connection.close()

    assert stored(files, size) == one.artifacts[0].sha256


@pytest.mark.slow
async def test_a_large_result_with_a_cut_every_5_mb_costs_a_mebibyte_a_cut_at_most(
    port: int, files: Path, tmp_path: Path
) -> None:
    size = 300 * MB
    async with proxy_to(port, lambda _: (Cut(5 * MB, Way.UP),)) as proxy:
        connection = Connection(proxy.url, "the-token")
        offer = offer_to(f"{proxy.url}/files")
        async with sending(tmp_path, connection, offer, size) as one:
            began = time.monotonic()
            await one.run()
            took = time.monotonic() - began
        await connection.close()

    cuts, passed = proxy.connections - 1, proxy.passed(Way.UP)
    again = passed - size
    print(f"\n{size // MB} MB up, {cuts} cuts: {took:.1f} s, {again} bytes more than its size")
    assert stored(files, size) == one.artifacts[0].sha256
    assert cuts >= 60
    # What it had not read yet when the connection ended it throws away.
    assert again < cuts * MIB
    assert one.sink.calls.count("create") == 1
