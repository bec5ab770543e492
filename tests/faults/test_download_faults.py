"""Everything that a connection can do to a download, with a real nginx behind it."""

import os
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from agent.edges.downloads import HttpInputSource
from agent.edges.http import Connection
from agent.model.errors import InputCorruptError
from agent.model.ids import Bytes
from agent.runtime.fetch import Download
from tests.core.dice import Lowest
from tests.fakes.server import FakeServer
from tests.fakes.spool import FakePartial
from tests.faults.content import Content, sparse_file
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
from tests.faults.fetching import Counted, fetching
from tests.faults.nginx import Nginx, nginx_in
from tests.faults.proxy import proxy_to
from tests.runtime.world import World, offer_of
from tests.virtual_time import LoopClock

pytestmark = pytest.mark.real_time

MB = 10**6
SMALL = 64
"""With the head of its answer some three hundred bytes: few enough to cut at each."""


@pytest.fixture(scope="module")
def nginx(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Nginx]:
    with nginx_in(tmp_path_factory.mktemp("nginx")) as nginx:
        yield nginx


@pytest.fixture(scope="module")
def content(nginx: Nginx) -> Content:
    return sparse_file(nginx.files / "input", 3 * MB)


@pytest.mark.parametrize(
    "fault",
    [
        Latency(0.02),
        Bandwidth(20.0 * MB),
        Slices(997),
        SlowClose(0.2),
        Cut(0),
        Cut(20),
        Cut(2 * MB),
        Cut(10, Way.UP),
        Reset(0),
        Reset(20),
        Reset(2 * MB),
        Reset(10, Way.UP),
        BlackHole(0),
        BlackHole(20),
        BlackHole(2 * MB),
        BlackHole(10, Way.UP),
        AnswerDropped(),
        CorruptByte(3),
        CorruptByte(2 * MB),
    ],
    ids=repr,
)
async def test_an_input_arrives_whatever_happens_to_the_first_connection(
    nginx: Nginx, content: Content, tmp_path: Path, fault: Fault
) -> None:
    async with (
        proxy_to(nginx.port, lambda number: () if number else (fault,)) as proxy,
        fetching(tmp_path, f"{proxy.url}/input", content, stall=0.5) as one,
    ):
        assert await one.holds(content)

    assert proxy.connections <= 2
    if not isinstance(fault, CorruptByte):
        assert one.source.received == content.size


async def test_a_cut_at_any_byte_costs_no_byte(nginx: Nginx) -> None:
    """Every byte of the head and of the body is the last one once."""
    content = sparse_file(nginx.files / "small", SMALL, "small")
    whole = content.path.read_bytes()
    cuts: list[Fault] = []
    async with proxy_to(nginx.port, lambda _: [cuts.pop()] if cuts else ()) as proxy:
        connection = Connection(proxy.url, "the-token")
        source = Counted(HttpInputSource(connection))
        world = World(LoopClock(), FakeServer(LoopClock()), rng=Lowest())
        tools = replace(world.tools, source=source)
        ref = replace(offer_of().input, url="/small", size=content.size, sha256=content.sha256)

        async def fetch_with(*faults: Fault) -> bytes:
            cuts.extend(faults)
            partial = FakePartial(world.spool)
            await Download(ref, partial, tools, world.policy, lambda _: None).run()
            await connection.close()
            return bytes(partial.taken)

        assert await fetch_with() == whole
        answer = proxy.passed(Way.DOWN)
        for number, after in enumerate(range(answer), 2):
            assert await fetch_with(Cut(after)) == whole
            assert source.received == number * SMALL
        assert proxy.connections == 1 + 2 * answer
        assert answer > SMALL + 200


async def test_a_cut_every_few_bytes_still_comes_to_an_end(nginx: Nginx, tmp_path: Path) -> None:
    content = sparse_file(nginx.files / "tiny", 20_000, "tiny")
    async with (
        proxy_to(nginx.port, lambda _: (Cut(500),)) as proxy,
        fetching(tmp_path, f"{proxy.url}/tiny", content) as one,
    ):
        assert await one.holds(content)

    assert one.source.received == content.size
    assert proxy.connections > 50


async def test_a_source_that_changes_in_the_middle_is_fetched_from_its_beginning(
    nginx: Nginx, tmp_path: Path
) -> None:
    old = sparse_file(nginx.files / "changing", 3 * MB, "old")
    os.utime(old.path, (0, 0))
    fresh = sparse_file(nginx.files / "fresh", 3 * MB, "new")

    def plan(number: int) -> tuple[Fault, ...]:
        if number == 2:
            fresh.path.rename(nginx.files / "changing")
        return (Cut(MB),)

    async with (
        proxy_to(nginx.port, plan) as proxy,
        fetching(tmp_path, f"{proxy.url}/changing", fresh) as one,
    ):
        assert await one.holds(fresh)

    # Two megabytes of the old one are thrown away, and no byte of it is left.
    assert one.source.received <= fresh.size + 2 * MB


async def test_a_source_that_changes_without_saying_so_is_found_out(
    nginx: Nginx, tmp_path: Path
) -> None:
    """As nginx does where a file is replaced by one of the same size within the same second."""
    old = sparse_file(nginx.files / "silent", 3 * MB, "old")
    fresh = sparse_file(nginx.files / "new", 3 * MB, "new")
    for file in (old, fresh):
        os.utime(file.path, (0, 0))

    def plan(number: int) -> tuple[Fault, ...]:
        if number == 1:
            fresh.path.rename(nginx.files / "silent")
        return (Cut(MB),) if number == 0 else ()

    async with (
        proxy_to(nginx.port, plan) as proxy,
        fetching(tmp_path, f"{proxy.url}/silent", fresh) as one,
    ):
        assert await one.holds(fresh)

    assert one.source.received == 2 * fresh.size


async def test_a_source_that_never_was_what_was_promised_is_corrupt(
    nginx: Nginx, content: Content, tmp_path: Path
) -> None:
    other = sparse_file(nginx.files / "other", content.size, "other")

    async with fetching(tmp_path, f"{nginx.url}/other", content) as one:
        with pytest.raises(InputCorruptError, match="sha256"):
            await one.download()

    assert one.source.received == 2 * other.size


async def test_416_on_an_input_of_unknown_size_means_that_it_is_whole(
    nginx: Nginx, content: Content, tmp_path: Path
) -> None:
    async with fetching(tmp_path, f"{nginx.url}/input", content, size=None) as one:
        await one.download()
        # The next start knows no size either, and asks for what follows.
        assert await one.holds(content)

    assert one.source.received == content.size
    assert one.source.offsets == [0, content.size]


async def test_416_on_an_input_that_shrank_starts_again(nginx: Nginx, tmp_path: Path) -> None:
    sparse_file(nginx.files / "shrinking", 3 * MB, "old")
    small = sparse_file(nginx.files / "shrunk", MB, "new")
    url = f"{nginx.url}/shrinking"

    async with fetching(tmp_path, url, small, size=None, sha256=None) as one:
        await one.download()
        assert one.folder.input.length == 3 * MB
        small.path.rename(nginx.files / "shrinking")
        assert await one.holds(small)

    assert one.source.received == 4 * MB


async def test_a_redirect_is_followed_again_after_each_cut(
    nginx: Nginx, content: Content, tmp_path: Path
) -> None:
    async with (
        proxy_to(nginx.port, lambda _: (Cut(MB),)) as proxy,
        fetching(tmp_path, f"{proxy.url}/moved/?to=input", content) as one,
    ):
        assert await one.holds(content)

    assert one.source.received == content.size
    assert len(one.source.offsets) == 4


async def test_an_input_without_a_promise_is_as_long_as_the_source_says(
    nginx: Nginx, content: Content, tmp_path: Path
) -> None:
    async with (
        proxy_to(nginx.port, lambda number: (Cut(MB),) if number < 2 else ()) as proxy,
        fetching(tmp_path, f"{proxy.url}/input", content, size=None, sha256=None) as one,
    ):
        assert await one.holds(content)

    assert one.source.received == content.size
    assert one.folder.input.length == Bytes(3 * MB)
