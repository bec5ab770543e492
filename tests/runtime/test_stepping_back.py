"""A box that is needed for something else steps back, and no job pays for it."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from functools import partial

import pytest

from agent.model.ids import Instant, JobId, Seconds
from agent.model.lease import Stage
from agent.model.restraint import Restraint, Rung
from agent.runtime.agent import Agent
from agent.runtime.stepping_back import PATIENCE
from tests.fakes.ledger import Spell
from tests.fakes.pool import CRASHES, HANGS, Plan
from tests.runtime.conftest import Lines
from tests.runtime.world import DAY, HOUR, MINUTE, World, working

J1, J2, J3 = JobId("j1"), JobId("j2"), JobId("j3")
LONG = Plan(takes=Seconds(100.0))
GPUS = {"GPU-a": "0", "GPU-b": "1"}


def game(
    rung: Rung, *devices: str, why: str = "a game runs", until: float | None = None
) -> Restraint:
    return Restraint(
        rung=rung,
        why=why,
        devices=frozenset(devices) if devices else None,
        until=None if until is None else Instant(until),
    )


@asynccontextmanager
async def restrained(
    world: World, *steps: tuple[float, Restraint | None], until: float = 300.0
) -> AsyncIterator[Agent]:
    """The agent at work; a source of restraints says so at these times."""
    async with working(world) as agent:
        for when, restraint in steps:
            at(when, partial(agent.board.restrain, "guest", restraint))
        await world.sleep_until(until)
        yield agent


def at(when: float, change: Callable[[], object]) -> None:
    asyncio.get_running_loop().call_at(when, change)


def two_gpus(world: World) -> None:
    world.devices = ("0", "1")
    world.gpus = GPUS
    world.set_policy(slots=2)


def told(lines: Lines, event: str) -> list[object]:
    return [line.get("rung", "WORK") for line in lines if line["event"] == event]


async def test_a_paused_job_goes_on_where_it_was_and_completes_once(
    world: World, lines: Lines
) -> None:
    job = world.add(plan=LONG)

    async with restrained(world, (30.0, game(Rung.PAUSE)), (90.0, None)):
        assert job.state == "completed"

    assert job.attempts == 1
    assert job.releases == []
    assert job.failures == []
    assert world.pool.started_at == {J1: [0.0]}
    assert world.pool.computed[J1] == pytest.approx(100.0)
    assert told(lines, "agent.stepped_back") == ["PAUSE"]
    assert told(lines, "agent.went_on") == ["WORK"]


async def test_a_paused_job_keeps_its_lease_and_says_that_it_waits(world: World) -> None:
    job = world.add(plan=LONG)

    async with restrained(world, (30.0, game(Rung.PAUSE)), (10 * MINUTE, None), until=HOUR):
        assert job.state == "completed"

    during = [report for when, _, report in world.server.reports if 40.0 < when < 10 * MINUTE]
    assert len(during) > 10
    assert {(report.stage, report.message) for report in during} == {(Stage.PROCESSING, "paused")}


async def test_a_pause_counts_for_nobody_as_computing(world: World) -> None:
    job = world.add(plan=LONG)

    async with restrained(world, (30.0, game(Rung.PAUSE)), (HOUR / 2, None), until=HOUR):
        assert job.state == "completed"

    ((_, result),) = job.results
    assert result.metrics["process_s"] == pytest.approx(100.0, abs=0.1)
    # It came to its safe point a second after it was asked to.
    assert result.metrics["paused_s"] == pytest.approx(HOUR / 2 - 31.0, abs=0.1)
    told = [one for one in world.observer.told if one[0] in {"paused", "went on"}]
    assert told == [("paused", J1), ("went on", J1)]


async def test_a_paused_job_computes_nothing(world: World) -> None:
    world.add(plan=LONG)
    seen: list[bool] = []

    async with working(world) as agent:
        at(30.0, partial(agent.board.restrain, "guest", game(Rung.PAUSE)))
        at(90.0, partial(agent.board.restrain, "guest", None))
        for when in (20.0, 60.0, 100.0, 300.0):
            at(when, lambda: seen.append(agent.board.is_computing))
        await world.sleep_until(301.0)

    assert seen == [True, False, True, False]


async def test_one_job_that_computes_beside_a_paused_one_is_enough(world: World) -> None:
    two_gpus(world)
    world.add(plan=LONG)
    world.add(J2, plan=LONG)
    step = game(Rung.PAUSE, "GPU-a")

    async with restrained(world, (30.0, step), until=60.0) as agent:
        assert [job.is_paused for job in agent.board.jobs] == [True, False]
        assert agent.board.is_computing


async def test_a_job_handed_back_is_queued_again_and_no_failure(world: World) -> None:
    job = world.add(plan=LONG)

    async with restrained(world, (30.0, game(Rung.HAND_BACK)), until=100.0):
        assert job.state == "queued"

    assert job.failures == []
    assert job.said == ["yielded: a game runs"]
    assert world.pool.killed == [(30.0, J1)]
    assert world.pool.rests_at == []


async def test_a_job_handed_back_is_done_later_by_the_same_box(world: World) -> None:
    job = world.add(plan=LONG)

    steps = (30.0, game(Rung.HAND_BACK)), (90.0, None)
    async with restrained(world, *steps, until=10 * MINUTE):
        assert job.state == "completed"

    assert len(job.releases) == 1


async def test_any_number_of_yields_pauses_nothing_for_its_own_fault(world: World) -> None:
    world.set_policy(max_consecutive_failures=1)
    jobs = [world.add(f"j{number}", plan=LONG) for number in range(4)]
    steps = [
        (60.0 * minute, game(Rung.HAND_BACK) if minute % 2 else None) for minute in range(1, 9)
    ]

    async with restrained(world, *steps, until=HOUR):
        assert {job.state for job in jobs} == {"completed"}

    assert world.pool.rests_at == []


async def test_a_child_without_a_safe_point_is_ended_within_five_seconds(world: World) -> None:
    job = world.add(plan=HANGS)

    async with restrained(world, (30.0, game(Rung.PAUSE)), until=40.0):
        assert job.state == "queued"

    assert world.pool.killed == [(35.0, J1)]
    assert job.failures == []


async def test_from_paused_to_handed_back(world: World, lines: Lines) -> None:
    job = world.add(plan=LONG)

    steps = (30.0, game(Rung.PAUSE)), (90.0, game(Rung.HAND_BACK))
    async with restrained(world, *steps, until=100.0):
        assert job.state == "queued"

    assert world.pool.killed == [(90.0, J1)]
    assert told(lines, "agent.stepped_back") == ["PAUSE", "HAND_BACK"]


async def test_while_it_takes_nothing_it_finishes_what_it_holds_and_says_why(
    world: World, lines: Lines
) -> None:
    first, second = world.add(plan=LONG), world.add("j2")
    third = world.add("j3")

    async with restrained(world, (30.0, game(Rung.TAKE_NOTHING)), until=200.0):
        assert first.state == second.state == "completed"

    assert third.state == "queued"
    beats = [ask for ask in world.server.asks if ask.why_idle]
    assert {(ask.free_slots, ask.prefetch, ask.why_idle) for ask in beats} == {
        (0, 0, "a game runs")
    }
    assert world.display.pauses == ["a game runs"]
    assert told(lines, "agent.stepped_back") == ["TAKE_NOTHING"]


async def test_a_box_that_takes_nothing_and_drains_comes_to_its_end(world: World) -> None:
    jobs = world.add(plan=LONG), world.add("j2")
    agent = world.agent()
    at(30.0, lambda: agent.board.restrain("owner", game(Rung.TAKE_NOTHING)))
    at(40.0, lambda: agent.on_drain("drained by its owner"))

    await agent.run()

    assert {job.state for job in jobs} == {"completed"}
    assert world.clock.now() < 200.0


@pytest.mark.parametrize("rung", [Rung.TAKE_NOTHING, Rung.PAUSE])
async def test_a_job_that_waits_for_the_only_gpu_is_handed_back_in_the_end(
    world: World, rung: Rung
) -> None:
    world.devices, world.gpus = ("0",), GPUS
    computing, waiting = world.add(plan=LONG), world.add("j2")
    full = game(rung, "GPU-a", why="GPU 0 has no room")

    async with restrained(world, (30.0, full), until=30.0 + PATIENCE - 1.0):
        assert waiting.state == "leased"
        await world.sleep_until(30.0 + PATIENCE + 1.0)
        assert waiting.state == "queued"

    assert waiting.said == ["yielded: GPU 0 has no room"]
    assert (computing.failures, computing.releases) == ([], [])


async def test_a_box_that_goes_on_asks_at_once(world: World) -> None:
    async with restrained(world, (0.0, game(Rung.TAKE_NOTHING)), (60.0, None), until=61.0):
        world.add()
        await world.sleep_until(62.0)

    assert world.pool.started_at[J1] == [pytest.approx(61.0)]
    assert world.display.pauses == ["a game runs", None]


async def test_a_restraint_ends_by_itself_where_it_says_when(world: World) -> None:
    job = world.add(plan=LONG)

    async with restrained(world, (30.0, game(Rung.PAUSE, until=90.0)), until=170.0):
        assert job.state == "completed"

    assert world.display.pauses == ["a game runs", None]


async def test_of_two_gpus_one_steps_back_and_the_other_does_all_the_work(world: World) -> None:
    two_gpus(world)
    jobs = [world.add(f"j{number}", plan=LONG) for number in range(1, 5)]

    async with restrained(world, (30.0, game(Rung.PAUSE, "GPU-b")), (350.0, None), until=600.0):
        pass

    assert {job.state for job in jobs} == {"completed"}
    assert {job.attempts for job in jobs} == {1}
    (paused,) = (job for job in (J1, J2) if world.pool.computed[job] > 0 and job == J2)
    starts = world.pool.started_at
    assert starts[J3] == [pytest.approx(100.0)]
    assert starts[JobId("j4")] == [pytest.approx(200.0)]
    assert world.pool.computed[paused] == pytest.approx(100.0)
    assert {ask.why_idle for ask in world.server.asks} == {None}


async def test_no_job_starts_on_a_gpu_that_takes_nothing(world: World) -> None:
    two_gpus(world)
    jobs = [world.add(f"j{number}", plan=LONG) for number in range(1, 5)]

    async with restrained(world, (30.0, game(Rung.TAKE_NOTHING, "GPU-a")), until=360.0):
        assert {job.state for job in jobs} == {"completed"}

    assert world.pool.started_at[JobId("j4")] == [pytest.approx(200.0)]


async def test_jobs_that_wait_for_a_box_in_use_are_handed_back_and_finished_ones_are_not(
    world: World,
) -> None:
    computing, waiting = world.add(plan=LONG), world.add("j2")

    async with restrained(world, (30.0, game(Rung.HAND_BACK)), until=100.0):
        assert computing.state == waiting.state == "queued"

    assert computing.said == waiting.said == ["yielded: a game runs"]
    assert world.pool.started_at.keys() == {J1}


async def test_a_download_ends_when_the_box_hands_back(world: World) -> None:
    world.source.bytes_per_s = 10.0
    job = world.add()

    async with restrained(world, (30.0, game(Rung.HAND_BACK)), until=40.0):
        assert job.state == "queued"


async def test_a_finished_result_is_delivered_whatever_the_rung(world: World) -> None:
    world.server.outages = [Spell(0.0, 20.0, frozenset({"upload"}))]
    job = world.add()
    steps = (9.9, game(Rung.TAKE_NOTHING)), (10.5, game(Rung.HAND_BACK))

    async with restrained(world, *steps, until=60.0):
        assert job.state == "completed"


async def test_jobs_that_wait_stay_while_the_box_only_pauses(world: World) -> None:
    world.add(plan=LONG)
    waiting = world.add("j2")

    async with restrained(world, (30.0, game(Rung.PAUSE)), (90.0, None), until=300.0):
        assert waiting.state == "completed"

    assert waiting.attempts == 1


async def test_the_time_of_a_pause_is_not_the_tasks(world: World) -> None:
    world.set_policy(task_timeout=Seconds(2 * MINUTE), soft_stop=Seconds(0.0))
    job = world.add(plan=LONG)

    async with restrained(world, (30.0, game(Rung.PAUSE)), (2 * MINUTE, None), until=300.0):
        assert job.state == "completed"


async def test_a_job_that_is_paused_for_longer_than_a_task_may_take_is_handed_back(
    world: World,
) -> None:
    world.set_policy(task_timeout=Seconds(2 * MINUTE))
    job = world.add(plan=LONG)

    async with restrained(world, (30.0, game(Rung.PAUSE)), until=200.0):
        assert job.state == "queued"

    assert job.said == ["yielded: paused for 120 s"]
    assert job.failures == []


async def test_a_job_ends_by_itself_before_it_has_to_be_killed(world: World) -> None:
    world.set_policy(task_timeout=Seconds(HOUR), soft_stop=Seconds(5 * MINUTE))
    job = world.add(plan=Plan(takes=Seconds(DAY)))

    async with restrained(world, until=2 * HOUR):
        assert job.state == "queued"  # a timeout is tried once more

    assert job.failures[0] == "timeout"
    assert world.pool.killed == []
    assert world.pool.computed[J1] >= HOUR - 5 * MINUTE


async def test_a_short_job_is_asked_to_end_after_nine_tenths_of_its_time(world: World) -> None:
    job = world.add(plan=Plan(takes=Seconds(DAY)), timeout=Seconds(MINUTE))

    async with restrained(world, until=58.0):
        assert job.failures == ["timeout"]

    assert world.pool.tasks[0].stop_after == 54.0


async def test_a_box_that_pauses_itself_goes_on_doing_so_when_the_game_ends(world: World) -> None:
    world.set_policy(max_consecutive_failures=1)
    world.pool.broken_until = HOUR
    world.add(plan=CRASHES)

    async with restrained(world, (20.0, game(Rung.HAND_BACK)), (30.0, None), until=40.0):
        pass

    assert world.display.pauses[1] == "a game runs"
    assert world.display.pauses[-1] == world.display.pauses[0]


async def test_a_stop_during_a_pause_hands_the_job_back(world: World) -> None:
    job = world.add(plan=LONG)
    agent = world.agent()
    at(30.0, lambda: agent.board.restrain("guest", game(Rung.PAUSE)))
    at(60.0, agent.on_terminate)

    await agent.run()

    assert job.state == "queued"
    assert job.failures == []
    assert world.clock.now() < 70.0
