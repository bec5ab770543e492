"""The faults of the stand-in, without a socket and on one."""

import asyncio
import json
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import httpx
import pytest

from tests.fakes.morag import (
    AnswerLost,
    Books,
    Cut,
    FailedAfter,
    Garbage,
    GaveUp,
    HungUp,
    Manners,
    Restart,
    Rule,
    Slow,
    StandIn,
    TurnedAway,
    Weather,
    online,
)
from tests.fakes.morag.weather import Fault
from tests.morag.callers import JOBS, Caller, calling, stand_in_of

FIRST = frozenset({1})
WORDS = b"w" * 300_000
GONE = (httpx.RemoteProtocolError, httpx.ReadError)


@pytest.fixture
def source(tmp_path: Path) -> Path:
    path = tmp_path / "note.txt"
    path.write_bytes(WORDS)
    return path


def weather(fault: Fault, call: str = "result") -> Weather:
    return Weather([Rule(fault, call, FIRST)])  # type: ignore[arg-type]


@asynccontextmanager
async def on_socket(stand_in: StandIn) -> AsyncIterator[Caller]:
    async with (
        online(stand_in) as url,
        httpx.AsyncClient(base_url=url, timeout=10.0, trust_env=False) as http,
    ):
        yield Caller(http)


WAYS = pytest.mark.parametrize("way", [calling, on_socket], ids=["in memory", "on a socket"])


@WAYS
@pytest.mark.real_time
async def test_an_answer_is_lost_after_all_was_done(source: Path, way: type) -> None:
    stand_in = StandIn(weather=weather(AnswerLost()))
    job = stand_in.add(source)
    async with way(stand_in) as worker:
        with pytest.raises(GONE):
            await worker.result(job.id, success=True, content="Words.")

    assert stand_in.books.finished == {job.id: 1}
    assert job.status == "completed"


@WAYS
@pytest.mark.real_time
async def test_a_connection_is_closed_before_anything_was_done(source: Path, way: type) -> None:
    stand_in = StandIn(weather=weather(HungUp()))
    job = stand_in.add(source)
    async with way(stand_in) as worker:
        with pytest.raises((*GONE, httpx.WriteError)):
            await worker.result(job.id, success=True, content="Words.")
        again = await worker.result(job.id, success=True, content="Words.")

    assert again.status_code == 200
    assert stand_in.books.results == {job.id: 1}


@WAYS
@pytest.mark.real_time
@pytest.mark.parametrize("status", [429, 502, 503, 504])
async def test_a_request_is_turned_away(source: Path, way: type, status: int) -> None:
    stand_in = StandIn(weather=weather(TurnedAway(status)))
    job = stand_in.add(source)
    async with way(stand_in) as worker:
        answer = await worker.result(job.id, success=True, content="Words.")

    assert answer.status_code == status
    assert "retry-after" not in answer.headers
    assert (b"<html" in answer.content.replace(b"!doctype ", b"")) is (status in {502, 504})
    assert stand_in.books.results == {}


@WAYS
@pytest.mark.real_time
@pytest.mark.parametrize("status", [500, 502])
async def test_what_was_done_is_called_an_error(source: Path, way: type, status: int) -> None:
    stand_in = StandIn(weather=weather(FailedAfter(status)))
    job = stand_in.add(source)
    async with way(stand_in) as worker:
        answer = await worker.result(job.id, success=True, content="Words.")

    assert answer.status_code == status
    assert stand_in.books.finished == {job.id: 1}


@WAYS
@pytest.mark.real_time
async def test_a_proxy_gives_up_and_the_server_goes_on(source: Path, way: type) -> None:
    stand_in = StandIn(Manners(ingestion_s=0.2), weather(GaveUp(0.05)))
    job = stand_in.add(source)
    async with way(stand_in) as worker:
        answer = await worker.result(job.id, success=True, content="Words.")
        assert stand_in.books.finished == {}
        await asyncio.sleep(0.3)

    assert answer.status_code == 504
    assert stand_in.books.finished == {job.id: 1}


@WAYS
@pytest.mark.real_time
@pytest.mark.parametrize("at", [0, 1, 70_000])
async def test_a_download_is_cut(source: Path, way: type, at: int) -> None:
    stand_in = StandIn(weather=weather(Cut(at), "download"))
    job = stand_in.add(source)
    async with way(stand_in) as worker:
        await worker.poll()
        got = bytearray()
        with pytest.raises(GONE):
            await _read(worker, job.id, got)

        assert (await worker.download(job.id)).content == WORDS

    assert len(got) == at


@WAYS
@pytest.mark.real_time
async def test_an_answer_that_is_shorter_is_not_cut(source: Path, way: type) -> None:
    stand_in = StandIn(weather=weather(Cut(1000), "download"))
    job = stand_in.add(source)
    async with way(stand_in) as worker:
        await worker.poll()

        assert (await worker.download(job.id, Range="bytes=0-9")).content == WORDS[:10]
        assert (await worker.poll())["job_id"] is None


async def _read(worker: Caller, job_id: str, got: bytearray) -> None:
    async with worker.http.stream("GET", f"{JOBS}/{job_id}/download") as answer:
        async for piece in answer.aiter_raw():
            got += piece


@WAYS
@pytest.mark.real_time
@pytest.mark.parametrize("is_processed", [True, False])
async def test_somebody_else_answers(source: Path, way: type, *, is_processed: bool) -> None:
    stand_in = StandIn(weather=weather(Garbage(is_processed=is_processed), "poll"))
    job = stand_in.add(source)
    async with way(stand_in) as worker:
        with pytest.raises(ValueError, match="Expecting value"):
            await worker.poll()

    assert job.status == ("processing" if is_processed else "pending")


@WAYS
@pytest.mark.real_time
async def test_a_restart_closes_all_connections_and_keeps_the_state(
    source: Path, way: type
) -> None:
    stand_in = StandIn(Manners(ingestion_s=0.2), weather(Restart(0.3), "poll"))
    job, other = stand_in.add(source), stand_in.add(source)
    async with way(stand_in) as worker:
        bringing = asyncio.create_task(worker.result(job.id, success=True, content="Words."))
        await asyncio.sleep(0.05)
        with pytest.raises(GONE):
            await worker.poll()
        with pytest.raises(GONE):
            await bringing
        with pytest.raises((*GONE, httpx.ConnectError)):
            await worker.poll()
        await asyncio.sleep(0.4)

        assert (await worker.poll())["job_id"] == other.id

    assert stand_in.books.finished == {job.id: 1}


async def test_a_server_is_slow_to_take_a_request_up(source: Path) -> None:
    stand_in = stand_in_of(weather=weather(Slow(100.0)))
    job = stand_in.add(source)
    async with calling(stand_in) as worker:
        with pytest.raises(httpx.ReadTimeout):
            await worker.result(job.id, success=True, content="Words.")
        assert stand_in.books.results == {}
        await asyncio.sleep(100)

    assert stand_in.books.finished == {job.id: 1}


def test_the_same_seed_brings_the_same_weather() -> None:
    rules = [Rule(HungUp(), "poll", frozenset({2})), Rule(AnswerLost(), chance=0.3)]
    one, same, other = (Weather(rules, seed) for seed in (1, 1, 2))

    days = [[each.on("poll") for _ in range(50)] for each in (one, same, other)]
    assert days[0] == days[1] != days[2]
    assert days[0][1] == HungUp()
    assert 5 < one.met["AnswerLost"] < 30


@pytest.mark.real_time
async def test_as_a_process_it_can_be_killed_and_started_again(
    source: Path, tmp_path: Path
) -> None:
    folder = tmp_path / "data"
    first = StandIn(folder=folder)
    job, other = first.add(source), first.add(source)

    async with process(
        folder, weather=[{"fault": "AnswerLost", "call": "result", "on": [1]}]
    ) as worker:
        await worker.poll()
        with pytest.raises(GONE):
            await worker.result(job.id, success=True, content="Words.")
    async with process(folder, manners={"ranges": False}) as worker:
        assert (await worker.status(job.id))["status"] == "completed"
        assert (await worker.poll())["job_id"] == other.id
        assert "accept-ranges" not in (await worker.download(other.id)).headers

    books = Books.of(folder)
    assert books.finished == {job.id: 1}
    assert books.lost() == [other.id]


@asynccontextmanager
async def process(folder: Path, **given: object) -> AsyncIterator[Caller]:
    more = [word for name, value in given.items() for word in (f"--{name}", json.dumps(value))]
    with subprocess.Popen(  # noqa: ASYNC220 - there is nothing else to do meanwhile
        [sys.executable, "-m", "tests.fakes.morag", "--folder", str(folder), *more],
        stdout=subprocess.PIPE,
        text=True,
    ) as running:
        assert running.stdout is not None
        try:
            url = running.stdout.readline().strip()
            async with httpx.AsyncClient(base_url=url, trust_env=False) as http:
                yield Caller(http)
        finally:
            running.kill()
