"""What every pool must do, on virtual children or real ones."""

import asyncio
import os
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from agent.edges.children import ChildPool
from agent.model.failures import FailureCode
from agent.model.ids import JobId, Seconds
from agent.model.work import Failed, PipelineSettings, Produced, Progress, Task
from agent.ports import Pool
from tests.fakes.pool import CRASHES, HANGS, FakePool, Plan
from tests.fakes.spool import FakeSpool
from tests.runtime.world import offer_of
from tests.virtual_time import LoopClock

pytestmark = pytest.mark.real_time

BAD = Failed(FailureCode.MEDIA_UNREADABLE, "The file is damaged.", "line 7")
CHILD = """
import os, socket, sys, time
from agent.model.failures import FailureCode
from agent.model.work import Failed, Produced, Progress, Ready, decode, encode

connection = socket.socket(fileno=int(sys.argv[-1]))
frames = connection.makefile("rb")
frames.readline()
connection.sendall(encode(Ready(("text",))))
for line in frames:
    task = decode(line)
    connection.sendall(encode(Progress(0.5, "half")))
    match task.job_id:
        case "bad":
            outcome = Failed(FailureCode.MEDIA_UNREADABLE, "The file is damaged.", "line 7")
        case "crash":
            os.abort()
        case "hang":
            time.sleep(3600)
        case _:
            outcome = Produced((("result.md", "text/markdown"),), {"words": 1})
    connection.sendall(encode(outcome))
"""


@asynccontextmanager
async def fake_pool(_folder: Path) -> AsyncIterator[Pool]:
    spool = FakeSpool()
    await spool.open_job(offer_of())
    pool = FakePool(LoopClock(), spool)
    pool.plans = {
        JobId("good"): Plan(takes=Seconds(0.01)),
        JobId("bad"): Plan(takes=Seconds(0.01), fails=BAD),
        JobId("crash"): Plan(takes=Seconds(0.01), fails=CRASHES.fails),
        JobId("hang"): HANGS,
    }
    yield pool


@asynccontextmanager
async def child_pool(_folder: Path) -> AsyncIterator[Pool]:
    command = (sys.executable, "-c", CHILD)
    pool = ChildPool(command, PipelineSettings(), os.environ, devices=(None, None))
    try:
        yield pool
    finally:
        await pool.close()


Open = Callable[[Path], AbstractAsyncContextManager[Pool]]


@pytest.fixture(params=[fake_pool, child_pool])
def open_pool(request: pytest.FixtureRequest) -> Open:
    chosen: Open = request.param
    return chosen


def task(name: str) -> Task:
    return Task(
        job_id=JobId(name),
        content_type="text",
        input="lease-1/input",
        filename="a.txt",
        media_type=None,
        output="lease-1/results",
        options={},
    )


def ignore(_progress: Progress) -> None:
    """Nobody watches."""


async def test_a_task_gives_what_it_produced(open_pool: Open, tmp_path: Path) -> None:
    async with open_pool(tmp_path) as pool:
        outcome = await pool.run(task("good"), ignore)

    assert outcome == Produced((("result.md", "text/markdown"),), {"words": 1})


async def test_progress_is_heard_while_the_task_runs(open_pool: Open, tmp_path: Path) -> None:
    heard: list[float] = []

    async with open_pool(tmp_path) as pool:
        await pool.run(task("good"), lambda progress: heard.append(progress.fraction))

    assert 0.5 in heard
    assert heard == sorted(heard)


async def test_a_failure_is_an_outcome_not_an_exception(open_pool: Open, tmp_path: Path) -> None:
    async with open_pool(tmp_path) as pool:
        assert await pool.run(task("bad"), ignore) == BAD


async def test_a_crash_is_a_failure_and_the_next_task_runs(open_pool: Open, tmp_path: Path) -> None:
    async with open_pool(tmp_path) as pool:
        crashed = await pool.run(task("crash"), ignore)
        after = await pool.run(task("good"), ignore)

    assert isinstance(crashed, Failed)
    assert crashed.code is FailureCode.WORKER_CRASHED
    assert isinstance(after, Produced)


async def test_cancelling_ends_a_task_and_leaves_the_pool_usable(
    open_pool: Open, tmp_path: Path
) -> None:
    async with open_pool(tmp_path) as pool:
        started = asyncio.Event()
        hanging = asyncio.create_task(pool.run(task("hang"), lambda _: started.set()))
        await started.wait()

        hanging.cancel()
        await asyncio.wait({hanging}, timeout=10.0)

        assert hanging.cancelled()
        assert isinstance(await pool.run(task("good"), ignore), Produced)


async def test_a_pool_that_rests_still_does_what_it_is_given(
    open_pool: Open, tmp_path: Path
) -> None:
    async with open_pool(tmp_path) as pool:
        await pool.run(task("good"), ignore)
        await pool.rest()
        resting = await pool.run(task("good"), ignore)
        broken = await pool.probe()
        probed = await pool.run(task("good"), ignore)

    assert isinstance(resting, Produced)
    assert broken is None
    assert isinstance(probed, Produced)


async def test_a_frugal_task_is_done_too(open_pool: Open, tmp_path: Path) -> None:
    async with open_pool(tmp_path) as pool:
        await pool.run(task("good"), ignore)
        outcome = await pool.run(replace(task("good"), is_frugal=True), ignore)

    assert isinstance(outcome, Produced)


async def test_two_tasks_run_side_by_side(open_pool: Open, tmp_path: Path) -> None:
    async with open_pool(tmp_path) as pool:
        started = asyncio.Event()
        hanging = asyncio.create_task(pool.run(task("hang"), lambda _: started.set()))
        await started.wait()

        beside = await pool.run(task("good"), ignore)
        still_runs = not hanging.done()
        hanging.cancel()
        await asyncio.wait({hanging})

    assert isinstance(beside, Produced)
    assert still_runs
