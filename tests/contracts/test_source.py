"""What every input source must do, fake or over HTTP on a real socket."""

from collections import deque
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass, replace

import pytest

from agent.edges.downloads import HttpInputSource
from agent.edges.http import Connection
from agent.model.errors import ServerUnavailableError
from agent.model.ids import Bytes
from agent.ports import InputSource, NothingLeft, Opened, Part, Whole
from tests.fakes.raw_http import Reply, raw_server
from tests.fakes.raw_http import Request as HttpRequest
from tests.fakes.source import Cut, FakeFile, FakeSource, Fault, Refuse
from tests.virtual_time import LoopClock

pytestmark = pytest.mark.real_time

CONTENT = b"0123456789" * 100
FILE = FakeFile(CONTENT)
URL = "/input"


@asynccontextmanager
async def fake_source(file: FakeFile, faults: Sequence[Fault]) -> AsyncIterator[InputSource]:
    yield FakeSource(LoopClock(), {URL: file}, deque(faults), chunk=100)


@asynccontextmanager
async def http_source(file: FakeFile, faults: Sequence[Fault]) -> AsyncIterator[InputSource]:
    left = deque(faults)

    def answer(request: HttpRequest) -> Reply:
        return _reply(file, request, left.popleft() if left else None)

    async with raw_server(answer) as server:
        connection = Connection(server.url, None)
        try:
            yield HttpInputSource(connection)
        finally:
            await connection.close()


def _reply(file: FakeFile, request: HttpRequest, fault: Fault) -> Reply:
    if isinstance(fault, Refuse):
        return Reply(503)
    etag = {} if file.etag is None else {"ETag": file.etag}
    size, start = len(file.content), _start(file, request)
    if start >= size:
        return Reply(416, {"Content-Range": f"bytes */{size}"})
    reply = Reply(200, etag, file.content, tells_length=file.tells_total)
    if start:
        total = size if file.tells_total else "*"
        headers = etag | {"Content-Range": f"bytes {start}-{size - 1}/{total}"}
        reply = replace(reply, status=206, headers=headers, body=file.content[start:])
    return replace(reply, cut_after=fault.after) if isinstance(fault, Cut) else reply


def _start(file: FakeFile, request: HttpRequest) -> int:
    wanted = request.headers.get("range", "bytes=0-").removeprefix("bytes=").removesuffix("-")
    is_same = request.headers.get("if-range") in {None, file.etag}
    return int(wanted) if file.has_ranges and is_same else 0


Open = Callable[[FakeFile, Sequence[Fault]], AbstractAsyncContextManager[InputSource]]


@pytest.fixture(params=[fake_source, http_source])
def open_source(request: pytest.FixtureRequest) -> Open:
    chosen: Open = request.param
    return chosen


@dataclass
class Fetched:
    opened: Opened
    body: bytes


async def fetch(source: InputSource, *, offset: int = 0, etag: str | None = None) -> Fetched:
    async with source.open(URL, offset=offset, etag=etag) as body:
        return Fetched(body.opened, b"".join([chunk async for chunk in body.chunks()]))


async def take(source: InputSource, taken: bytearray) -> None:
    async with source.open(URL, offset=0, etag=None) as body:
        async for chunk in body.chunks():
            taken += chunk


async def test_without_an_offset_everything_comes(open_source: Open) -> None:
    async with open_source(FILE, ()) as source:
        assert await fetch(source) == Fetched(Whole(Bytes(1000), '"v1"'), CONTENT)


async def test_the_same_version_goes_on_at_the_offset(open_source: Open) -> None:
    async with open_source(FILE, ()) as source:
        fetched = await fetch(source, offset=400, etag='"v1"')

    assert fetched == Fetched(Part(Bytes(400), Bytes(1000), '"v1"'), CONTENT[400:])


async def test_another_version_comes_whole(open_source: Open) -> None:
    async with open_source(FILE, ()) as source:
        fetched = await fetch(source, offset=400, etag='"v0"')

    assert fetched == Fetched(Whole(Bytes(1000), '"v1"'), CONTENT)


async def test_a_source_without_ranges_sends_everything(open_source: Open) -> None:
    async with open_source(replace(FILE, has_ranges=False), ()) as source:
        fetched = await fetch(source, offset=400, etag='"v1"')

    assert fetched == Fetched(Whole(Bytes(1000), '"v1"'), CONTENT)


async def test_behind_the_end_nothing_is_left(open_source: Open) -> None:
    async with open_source(FILE, ()) as source, source.open(URL, offset=1000, etag='"v1"') as body:
        assert body.opened == NothingLeft(Bytes(1000))


async def test_a_total_that_is_not_told_is_unknown(open_source: Open) -> None:
    async with open_source(replace(FILE, tells_total=False), ()) as source:
        whole = await fetch(source)
        part = await fetch(source, offset=400, etag='"v1"')

    assert whole == Fetched(Whole(None, '"v1"'), CONTENT)
    assert part.opened == Part(Bytes(400), None, '"v1"')


async def test_a_source_without_versions_has_none(open_source: Open) -> None:
    async with open_source(replace(FILE, etag=None), ()) as source:
        assert (await fetch(source)).opened == Whole(Bytes(1000), None)


async def test_what_comes_before_a_cut_is_given_and_the_cut_is_told(open_source: Open) -> None:
    taken = bytearray()
    async with open_source(FILE, [Cut(300)]) as source:
        with pytest.raises(ServerUnavailableError):
            await take(source, taken)
        after = await fetch(source, offset=len(taken), etag='"v1"')

    assert taken == CONTENT[:300]
    assert after.body == CONTENT[300:]


async def test_a_source_that_is_overloaded_may_answer_later(open_source: Open) -> None:
    overloaded = ServerUnavailableError("503", answered=True)
    async with open_source(FILE, [Refuse(overloaded)]) as source:
        with pytest.raises(ServerUnavailableError) as refused:
            await fetch(source)

        assert refused.value.answered
        assert (await fetch(source)).body == CONTENT
