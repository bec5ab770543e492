"""An agent that ended in the middle of its jobs, and the start that follows it."""

import asyncio

import pytest

from agent.model.failures import FailureCode
from agent.model.ids import Seconds
from agent.model.lease import LostReason, Stage
from tests.fakes.ledger import FakeJob, Spell
from tests.fakes.pool import FOREVER, RESULTS, Plan
from tests.fakes.server import FakeServer
from tests.runtime.world import DAY, HOUR, World, working
from tests.virtual_time import LoopClock

MIB = 1024 * 1024
LONG = bytes(range(256)) * 40960
"""10 MiB."""


@pytest.fixture
def world(clock: LoopClock) -> World:
    return World(clock, FakeServer(clock))


async def killed_at(world: World, when: float) -> None:
    async with working(world):
        await world.sleep_until(when)


async def finishing(world: World, *jobs: FakeJob) -> None:
    """The agent works until the jobs are over, and a little longer."""
    async with working(world):
        while not all(job.is_over for job in jobs):
            await asyncio.sleep(1.0)
        await asyncio.sleep(1.0)


async def test_a_download_goes_on_at_the_byte_where_the_kill_cut_it(world: World) -> None:
    job = world.add(content=LONG)
    world.source.bytes_per_s = MIB
    await killed_at(world, 4.5)
    had = world.spool.folders[job.accepted_leases[-1]].input.length
    world = world.restarted()

    await finishing(world, job)

    (request,) = world.source.requests
    assert (request.offset, request.etag) == (had, '"v1"')
    assert had > 4 * MIB
    assert job.files == RESULTS


async def test_a_download_whose_source_changed_meanwhile_starts_over(world: World) -> None:
    job = world.add(content=LONG)
    world.source.bytes_per_s = MIB
    await killed_at(world, 4.5)
    world = world.restarted()
    world.change_etag("j1", '"v2"')

    await finishing(world, job)

    assert [request.offset for request in world.source.requests][-1:] != []
    assert job.files == RESULTS


async def test_a_computation_begins_again_without_a_second_download(world: World) -> None:
    job = world.add()
    await killed_at(world, 5.0)
    world = world.restarted()

    await finishing(world, job)

    assert world.source.requests == []
    assert len(world.pool.tasks) == 1
    assert [lease_id for lease_id, _ in job.results] == job.accepted_leases[-1:]
    assert job.files == RESULTS


async def test_a_finished_result_is_delivered_without_computing_it_again(world: World) -> None:
    result = {"result.md": LONG}
    job = world.add(plan=Plan(results=result))
    world.sink.bytes_per_s = MIB
    await killed_at(world, 15.5)
    assert 0 < job.bytes_received < len(LONG)
    had = job.bytes_received
    world = world.restarted()

    await finishing(world, job)

    assert (world.source.requests, world.pool.tasks) == ([], [])
    assert sum(size for _, size in world.sink.sent) <= len(LONG) - had + MIB
    assert job.files == result


async def test_a_result_that_was_taken_without_our_hearing_it_is_not_delivered_twice(
    world: World,
) -> None:
    job = world.add()
    world.server.lose_answers["complete"] = 1
    await killed_at(world, 10.5)
    assert job.state == "completed"
    world = world.restarted()

    async with working(world):
        await world.sleep_until(20.0)

    assert len(job.results) == 1
    assert (world.pool.tasks, world.spool.folders, world.spool.kept) == ([], {}, {})


async def test_a_finished_result_that_is_lost_to_us_is_kept_for_a_while(world: World) -> None:
    job = world.add()
    world.server.outages = [Spell(9.0, 2 * HOUR)]
    await killed_at(world, 20.0)
    assert job.accepted is not None
    job.accepted.ended, job.state, job.current = LostReason.CANCELLED, "cancelled", None
    world = world.restarted()

    async with working(world):
        await world.sleep_until(3 * HOUR)

    assert world.spool.folders == {}
    assert len(world.spool.kept) == 1


async def test_who_signs_off_asks_no_more_what_became_of_a_lost_result(world: World) -> None:
    job = world.add()
    world.server.outages = [Spell(9.0, 20.0)]
    await killed_at(world, 20.0)
    assert job.accepted is not None
    job.accepted.ended, job.state, job.current = LostReason.CANCELLED, "cancelled", None
    world = world.restarted()
    world.server.answer_takes = Seconds(0.7)
    world.server.hangs = [Spell(20.0, 30.0, frozenset({"complete"}))]
    agent = world.agent()
    hung_until = 20.0 + world.server.answer_takes + world.server.hangs_for
    asyncio.get_running_loop().call_at(hung_until + 0.45, agent.on_terminate)

    await agent.run()  # The question that hung would have been asked again within a second.

    assert [call.name for call in world.server.calls][-1] == "sign_off"
    assert len(world.spool.folders) == 1


async def test_a_hello_whose_answer_is_lost_brings_the_same_lease_again(world: World) -> None:
    job = world.add()
    await killed_at(world, 5.0)
    world = world.restarted()
    world.server.lose_answers["hello"] = 2

    await finishing(world, job)

    assert len(job.accepted_leases) == 2
    assert job.files == RESULTS


async def test_two_restarts_before_an_answer_still_find_the_job(world: World) -> None:
    job = world.add()
    await killed_at(world, 5.0)
    world = world.restarted()
    world.server.lose_answers["hello"] = 1
    await killed_at(world, 5.1)
    world = world.restarted()

    await finishing(world, job)

    assert len(job.results) == 1


async def test_a_result_waits_for_days_until_the_server_is_back(world: World) -> None:
    job = world.add()
    world.server.outages = [Spell(9.0, 3 * DAY)]
    await killed_at(world, 20.0)
    assert job.state != "completed"
    world = world.restarted()

    await finishing(world, job)

    assert world.pool.tasks == []
    assert job.files == RESULTS


async def test_a_power_cut_loses_only_what_was_not_synced(world: World) -> None:
    job = world.add(content=LONG)
    world.source.bytes_per_s = MIB
    await killed_at(world, 4.5)
    world = world.restarted(power_cut=True)

    await finishing(world, job)

    assert job.files == RESULTS


async def test_a_job_that_takes_the_agent_along_is_not_begun_for_ever(world: World) -> None:
    job = world.add(plan=Plan(takes=FOREVER))
    begun = 0
    while not job.failures:
        await killed_at(world, world.clock.now() + 10.0)
        begun += len(world.pool.tasks)
        world = world.restarted()

    assert begun == 5
    assert job.failures == [FailureCode.WORKER_CRASHED]
    assert job.said == ["the agent ended 5 times while it computed this job"]


async def test_hello_tells_the_stage_of_each_job(world: World) -> None:
    world.set_policy(slots=2)
    world.add("j1", content=LONG)
    world.add("j2", plan=Plan(takes=Seconds(HOUR)))
    world.source.bytes_per_s = MIB / 10
    await killed_at(world, 30.0)
    world = world.restarted()

    await killed_at(world, 31.0)

    stages = {line.job_id: line.stage for line in world.server.hellos[-1].resuming}
    assert stages == {"j1": Stage.DOWNLOADING, "j2": Stage.PROCESSING}


async def test_a_hello_in_between_tells_what_is_held_now(world: World) -> None:
    job = world.add(plan=Plan(takes=Seconds(100.0)))
    world.server.forgets_at.append(50.0)

    await finishing(world, job)

    first, again = world.server.hellos
    assert first.resuming == ()
    assert [line.lease_id for line in again.resuming] == job.accepted_leases
    assert len(job.results) == 1


async def test_the_server_hears_of_a_job_only_once_it_is_on_disk(world: World) -> None:
    world.add()
    world.spool.cannot_open = True

    await killed_at(world, 5.0)

    assert world.server.times("renew") == []
    assert len(world.server.times("release")) == 1


async def test_an_agent_that_is_stopped_before_hello_is_answered_leaves_the_jobs_alone(
    world: World,
) -> None:
    job = world.add()
    await killed_at(world, 5.0)
    world = world.restarted()
    world.server.outages = [Spell(5.0, HOUR)]
    async with working(world) as agent:
        await world.sleep_until(60.0)
        agent.on_terminate()
        await world.sleep_until(120.0)
    world = world.restarted()

    await finishing(world, job)

    assert len(job.results) == 1
    assert world.source.requests == []


async def test_a_job_whose_release_nobody_heard_goes_on_with_the_next_start(world: World) -> None:
    job = world.add(plan=Plan(takes=Seconds(60.0)))
    world.server.outages = [Spell(20.0, 40.0)]
    async with working(world) as agent:
        await world.sleep_until(20.0)
        agent.on_terminate()
        await world.sleep_until(35.0)
    assert list(world.spool.folders) == job.accepted_leases
    world = world.restarted()

    await finishing(world, job)

    assert world.source.requests == []
    assert (job.failures, job.releases) == ([], [])
    assert job.files == RESULTS


async def test_a_result_that_a_stopped_agent_kept_is_delivered_by_the_next_start(
    world: World,
) -> None:
    job = world.add()
    world.server.outages = [Spell(9.0, 30.0, frozenset({"upload"}))]
    async with working(world) as agent:
        await world.sleep_until(12.0)
        agent.on_terminate()
        await world.sleep_until(25.0)
    assert world.server.kept == job.accepted_leases
    world = world.restarted()

    await finishing(world, job)

    assert world.pool.tasks == []
    assert job.files == RESULTS
