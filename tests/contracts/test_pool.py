"""What every pool must do, on virtual children or real ones."""

import asyncio
import os
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Self

import pytest

from agent.edges.children import ChildPool
from agent.model.failures import FailureCode
from agent.model.ids import JobId, Seconds
from agent.model.restraint import Rung
from agent.model.stance import Stance, Step
from agent.model.work import Failed, Outcome, PipelineSettings, Produced, Progress, Returned, Task
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
from agent.model.work import Failed, GoOn, Produced, Progress, Ready, StepBack, SteppedBack
from agent.model.work import decode, encode

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
        case "long":
            request = decode(frames.readline())
            assert isinstance(request, StepBack)
            connection.sendall(encode(SteppedBack(request.number)))
            assert isinstance(decode(frames.readline()), GoOn)
            connection.sendall(encode(Progress(0.75, "on")))
            outcome = Produced((("result.md", "text/markdown"),), {"words": 1})
        case _:
            outcome = Produced((("result.md", "text/markdown"),), {"words": 1})
    connection.sendall(encode(outcome))
"""


@asynccontextmanager
async def fake_pool(_folder: Path) -> AsyncIterator[Pool]:
    spool = FakeSpool()
    await spool.open_job(offer_of())
    pool = FakePool(LoopClock(), spool, ("0", "1"))
    pool.plans = {
        JobId("good"): Plan(takes=Seconds(0.01)),
        JobId("bad"): Plan(takes=Seconds(0.01), fails=BAD),
        JobId("crash"): Plan(takes=Seconds(0.01), fails=CRASHES.fails),
        JobId("hang"): HANGS,
        JobId("long"): Plan(takes=Seconds(0.4), safe_point_in=Seconds(0.01)),
    }
    yield pool


@asynccontextmanager
async def child_pool(_folder: Path) -> AsyncIterator[Pool]:
    command = (sys.executable, "-c", CHILD)
    pool = ChildPool(command, PipelineSettings(), os.environ, devices=("0", "1"))
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


def standing(*rungs: Rung) -> Stance:
    """One for each of the two devices; the first for both where there is but one."""
    both = rungs * 2 if len(rungs) == 1 else rungs
    return Stance({name: Step(rung, "a game") for name, rung in zip("01", both, strict=True)})


@dataclass
class Running:
    """A task in the pool, and what it says."""

    pool: Pool
    name: str
    heard: list[Progress] = field(default_factory=list)

    async def __aenter__(self) -> Self:
        self.work = asyncio.create_task(self.pool.run(task(self.name), self.heard.append))
        await self.until(lambda: bool(self.heard))
        return self

    async def __aexit__(self, *_: object) -> None:
        self.work.cancel()
        await asyncio.wait({self.work})

    async def until(self, is_so: Callable[[], bool]) -> None:
        async with asyncio.timeout(10.0):
            while not is_so():
                await asyncio.sleep(0.01)

    async def outcome(self) -> Outcome:
        async with asyncio.timeout(10.0):
            return await self.work


YIELDED = Returned("yielded: a game", is_box_fault=False)


async def test_a_task_that_was_paused_goes_on_and_gives_what_it_produced(
    open_pool: Open, tmp_path: Path
) -> None:
    async with open_pool(tmp_path) as pool, Running(pool, "long") as running:
        await pool.stand(standing(Rung.PAUSE))
        assert running.heard[-1].is_paused
        assert not running.work.done()

        await pool.stand(Stance())
        outcome = await running.outcome()

    assert isinstance(outcome, Produced)
    assert not running.heard[-1].is_paused


async def test_a_task_that_reaches_no_safe_point_is_handed_back_within_five_seconds(
    open_pool: Open, tmp_path: Path
) -> None:
    async with open_pool(tmp_path) as pool, Running(pool, "hang") as running:
        begun = asyncio.get_running_loop().time()
        await pool.stand(standing(Rung.PAUSE))
        outcome = await running.outcome()
        taken = asyncio.get_running_loop().time() - begun

    assert outcome == YIELDED
    assert 4.0 < taken < 5.5


async def test_a_task_is_handed_back_at_once_where_the_box_is_needed_at_once(
    open_pool: Open, tmp_path: Path
) -> None:
    async with open_pool(tmp_path) as pool, Running(pool, "hang") as running:
        begun = asyncio.get_running_loop().time()
        await pool.stand(standing(Rung.HAND_BACK))
        outcome = await running.outcome()
        taken = asyncio.get_running_loop().time() - begun

    assert outcome == YIELDED
    assert taken < 2.0


async def test_a_paused_task_is_handed_back_when_that_is_not_enough(
    open_pool: Open, tmp_path: Path
) -> None:
    async with open_pool(tmp_path) as pool, Running(pool, "long") as running:
        await pool.stand(standing(Rung.PAUSE))
        await pool.stand(standing(Rung.HAND_BACK))
        assert await running.outcome() == YIELDED


async def test_a_pool_that_has_stepped_back_takes_a_task_when_it_goes_on(
    open_pool: Open, tmp_path: Path
) -> None:
    async with open_pool(tmp_path) as pool:
        await pool.stand(standing(Rung.PAUSE))
        assert pool.open_places == 0
        async with Running(pool, "good") as waiting:
            assert waiting.heard[-1].is_paused
            await pool.stand(Stance())
            assert isinstance(await waiting.outcome(), Produced)
        assert pool.open_places == 2


async def test_a_task_that_waits_for_a_pool_that_hands_back_is_handed_back_too(
    open_pool: Open, tmp_path: Path
) -> None:
    async with open_pool(tmp_path) as pool:
        await pool.stand(standing(Rung.PAUSE))
        async with Running(pool, "good") as waiting:
            await pool.stand(standing(Rung.HAND_BACK))
            assert isinstance(await waiting.outcome(), Returned)


async def test_a_gpu_that_steps_back_leaves_the_tasks_of_the_other_alone(
    open_pool: Open, tmp_path: Path
) -> None:
    async with open_pool(tmp_path) as pool, Running(pool, "hang") as running:
        await pool.stand(standing(Rung.WORK, Rung.HAND_BACK))
        assert pool.open_places == 1
        assert not running.work.done()

        await pool.stand(standing(Rung.TAKE_NOTHING, Rung.WORK))
        assert pool.open_places == 2  # one of them has a task in it that it finishes
        assert isinstance(await pool.run(task("good"), ignore), Produced)
        assert not running.work.done()


async def test_a_fault_and_a_step_back_are_two_reasons_for_a_pool_to_rest(
    open_pool: Open, tmp_path: Path
) -> None:
    async with open_pool(tmp_path) as pool:
        await pool.rest()
        await pool.stand(standing(Rung.PAUSE))
        assert await pool.probe() is None
        assert pool.open_places == 0
        await pool.stand(Stance())
        assert isinstance(await pool.run(task("good"), ignore), Produced)
