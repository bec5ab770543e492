"""A broken box pauses itself, frees its GPU, says so, and comes back by itself."""

import pytest

from agent.model.errors import SpoolError
from agent.model.failures import FailureCode
from agent.model.ids import Instant, Seconds
from agent.model.lease import Directive
from agent.model.work import Failed, Returned
from tests.fakes.pool import CRASHES, HANGS, Plan
from tests.runtime.conftest import Lines
from tests.runtime.world import DAY, HOUR, MINUTE, World, working

MOST = 3
BAD = Plan(fails=Failed(FailureCode.MEDIA_UNREADABLE, "The file is damaged."))
WHY = (
    "failed 3 times in a row through no fault of an input, the last time:"
    " worker_crashed: the worker crashed (SIGSEGV)"
)


@pytest.fixture
def world(world: World) -> World:
    world.set_policy(max_consecutive_failures=MOST)
    return world


def add_many(world: World, count: int = 40, plan: Plan | None = None) -> None:
    for number in range(count):
        world.add(f"j{number:02}", plan=plan)


def starts(world: World) -> list[Instant]:
    return sorted(when for times in world.pool.started_at.values() for when in times)


def told(lines: Lines, event: str) -> list[str]:
    return [line["reason"] for line in lines if line["event"] == event]


async def work_until(world: World, when: float) -> None:
    async with working(world):
        await world.sleep_until(when)


@pytest.mark.parametrize("slots", [1, 2])
async def test_a_broken_gpu_costs_so_many_jobs_and_then_one_for_each_growing_pause(
    world: World, slots: int
) -> None:
    world.set_policy(slots=slots)
    world.pool.broken_until = DAY
    add_many(world)

    await work_until(world, 5 * HOUR)

    eaten, probes = starts(world)[:MOST], starts(world)[MOST:]
    assert eaten[-1] <= 20.0
    ends = [when + 10.0 for when in (eaten[-1], *probes)]
    pauses = [(start - end) / MINUTE for end, start in zip(ends, probes, strict=False)]
    assert pauses == [1, 2, 4, 8, 16, 32, 60, 60, 60]
    assert len(world.server.jobs) - len(world.pool.tasks) == 40 - MOST - len(probes)


async def test_a_box_whose_slots_all_break_at_once_loses_no_more_than_it_held(
    world: World,
) -> None:
    world.set_policy(slots=4)
    world.pool.broken_until = DAY
    add_many(world)

    await work_until(world, MINUTE)

    assert len(world.pool.tasks) <= 4 + 1


async def test_a_healthy_box_comes_back_at_once_after_one_success(world: World) -> None:
    world.pool.broken_until = 50.0
    add_many(world, 8)

    await work_until(world, 151.0)

    # Three broke, one was the probe; from then on job follows job, the next one fetched ahead.
    assert starts(world) == [0.0, 10.0, 20.0, 90.0, 100.0, 110.0, 120.0, 130.0]
    assert sum(job.state == "completed" for job in world.server.jobs.values()) == 5
    assert world.display.pauses[-1] is None


async def test_pauses_are_short_again_after_a_success(world: World) -> None:
    world.pool.broken_until = 300.0
    add_many(world)
    async with working(world):
        await world.sleep_until(600.0)
        world.pool.broken_until = HOUR
        await world.sleep_until(800.0)

    assert world.pool.rests_at[:2] == [30.0, 100.0]
    later = [when for when in world.pool.rests_at if when > 600.0]
    assert world.pool.probes_at[-1] - later[0] == 60.0


async def test_bad_inputs_never_pause_a_box(world: World, lines: Lines) -> None:
    add_many(world, 10, BAD)
    good = world.add("k1")

    await work_until(world, 200.0)

    assert good.state == "completed"
    assert world.pool.rests_at == []
    assert told(lines, "agent.paused") == []


async def test_bad_inputs_between_the_crashes_do_not_hide_them(world: World) -> None:
    for number in range(12):
        world.add(f"j{number:02}", plan=BAD if number % 2 else CRASHES)

    await work_until(world, 80.0)

    assert world.pool.rests_at == [50.0]
    assert len(world.pool.tasks) <= 2 * MOST


async def test_a_success_between_the_crashes_forgives_them(world: World) -> None:
    for number in range(9):
        world.add(f"j{number:02}", plan=None if number % 3 == 2 else CRASHES)

    await work_until(world, 200.0)

    assert world.pool.rests_at == []


async def test_while_it_pauses_it_only_beats_and_says_why_everywhere(
    world: World, lines: Lines
) -> None:
    world.pool.broken_until = DAY
    add_many(world)

    await work_until(world, 85.0)

    paused = [ask for ask in world.server.asks if ask.why_idle]
    assert {(ask.free_slots, ask.prefetch) for ask in paused} == {(0, 0)}
    assert {ask.why_idle for ask in paused} == {f"{WHY}; paused for 1 min"}
    assert world.server.times("poll")[-3:] == [30.0, 55.0, 80.0]
    assert told(lines, "agent.paused") == [f"{WHY}; paused for 1 min"]
    assert [line["resumes_in_s"] for line in lines if line["event"] == "agent.paused"] == [60]
    assert told(lines, "agent.idle") == [f"{WHY}; paused for 1 min"]
    assert world.display.pauses == [f"{WHY}; paused for 1 min"]


async def test_while_it_probes_it_says_so_and_takes_a_single_job(
    world: World, lines: Lines
) -> None:
    world.set_policy(slots=4)
    world.pool.broken_until = 80.0
    add_many(world, 20, Plan(takes=Seconds(15.0)))

    await work_until(world, 89.0)

    probing = f"{WHY}; one job shows whether that is over"
    assert told(lines, "agent.probing") == [probing]
    asked = [ask for ask in world.server.asks if ask.why_idle == probing]
    assert [(ask.free_slots, ask.prefetch) for ask in asked] == [(1, 0), (0, 0)]
    assert len([when for when in starts(world) if when >= 75.0]) == 1
    assert world.display.pauses[-1] == probing


async def test_the_gpu_is_free_during_a_pause_and_fresh_children_come_before_a_job(
    world: World,
) -> None:
    world.pool.broken_until = 80.0
    add_many(world)

    await work_until(world, 95.0)

    assert world.pool.rests_at == [30.0]
    assert world.pool.probes_at == [90.0]
    assert starts(world)[MOST] == 90.0


async def test_without_a_child_not_even_the_probe_takes_a_job(world: World, lines: Lines) -> None:
    world.pool.broken_until = world.pool.no_child_until = 30 * MINUTE
    add_many(world)

    await work_until(world, 40 * MINUTE)

    assert [when for when in starts(world) if when < 30 * MINUTE] == [0.0, 10.0, 20.0]
    assert "the last time: no GPU" in told(lines, "agent.paused")[1]
    assert any(job.state == "completed" for job in world.server.jobs.values())


async def test_a_job_that_was_begun_before_the_pause_goes_on_and_ends_it_when_it_succeeds(
    world: World,
) -> None:
    world.set_policy(slots=4)
    long = world.add("j00", plan=Plan(takes=Seconds(50.0)))
    for number in range(1, 12):
        world.add(f"j{number:02}", plan=CRASHES if number <= 4 else None)

    await work_until(world, 61.0)

    assert long.state == "completed"
    assert world.pool.rests_at == [10.0]
    assert world.pool.probes_at == [50.0]
    assert len([when for when in starts(world) if when == 50.0]) == 4


async def test_a_spool_that_cannot_be_written_pauses_the_agent_too(
    world: World, lines: Lines
) -> None:
    add_many(world, 40, Plan(breaks=SpoolError("read-only file system")))

    await work_until(world, 60.0)

    assert "spool: read-only file system" in told(lines, "agent.paused")[0]
    assert len(world.pool.tasks) <= MOST


async def test_a_box_that_cannot_compute_hands_the_jobs_back_and_pauses(
    world: World, lines: Lines
) -> None:
    add_many(world, 40, Plan(fails=Returned("gpu_unavailable: torch sees no GPU.")))

    await work_until(world, 60.0)

    given_back = [job for job in world.server.jobs.values() if job.releases]
    assert [job.said for job in given_back] == [["gpu_unavailable: torch sees no GPU."]] * MOST
    assert "gpu_unavailable: torch sees no GPU" in told(lines, "agent.paused")[0]
    assert all(not job.failures for job in world.server.jobs.values())


async def test_a_pause_of_the_server_is_not_ended_by_the_end_of_our_own(world: World) -> None:
    world.pool.broken_until = 80.0
    world.server.directives = [(60.0, Directive.PAUSE, "the owner plays")]
    add_many(world)

    await work_until(world, 10 * MINUTE)

    assert len(world.pool.tasks) == MOST
    assert world.server.asks[-1].free_slots == 0


async def test_a_drain_during_a_pause_ends_the_agent_at_once(world: World) -> None:
    world.pool.broken_until = DAY
    world.server.directives = [(50.0, Directive.DRAIN, "new version")]
    add_many(world)

    await world.agent().run()

    assert world.server.times("sign_off") == [50.0]


async def test_a_box_that_is_full_is_not_called_idle(world: World) -> None:
    world.add(plan=HANGS)
    world.add("j2", plan=HANGS)

    await work_until(world, 60.0)

    assert {ask.why_idle for ask in world.server.asks} == {None}
