"""Job states: what the agent says, and what it leaves unsaid, so that each state follows."""

import asyncio

import pytest

from agent.model.failures import FailureCode
from agent.model.ids import Seconds
from agent.model.work import Failed
from agent.runtime.settlement import Ending
from tests.fakes.ledger import Spell
from tests.fakes.pool import Plan
from tests.fakes.server import FakeServer
from tests.runtime.world import World
from tests.virtual_time import LoopClock

HOUR = 3600.0


@pytest.fixture
def world(clock: LoopClock) -> World:
    return World(clock, FakeServer(clock))


async def test_an_offer_becomes_a_lease_by_the_first_renewal_and_nothing_is_fetched_before(
    world: World,
) -> None:
    job = world.add()

    await (await world.hold()).run()

    assert job.state == "completed"
    assert world.server.times("renew")[0] <= world.source.requests[0].at


async def test_an_offer_that_runs_out_is_neither_failed_nor_released(world: World) -> None:
    job = world.add()
    world.server.outages = [Spell(end=60.0, calls=frozenset({"renew"}))]

    ending = await (await world.hold()).run()

    assert ending is Ending.LOST
    assert (job.failures, job.releases) == ([], [])


async def test_a_job_that_is_handed_back_is_released_and_never_failed(world: World) -> None:
    job = world.add(plan=Plan(takes=Seconds(HOUR)))
    held = await world.hold()
    running = asyncio.create_task(held.run())
    await world.sleep_until(20.0)

    held.hand_back("the owner plays")

    assert await running is Ending.RELEASED
    assert (job.failures, len(job.releases)) == ([], 1)


async def test_a_failure_is_told_with_its_code_for_the_server_to_decide(world: World) -> None:
    job = world.add(plan=Plan(fails=Failed(FailureCode.OUT_OF_MEMORY, "the GPU is full")))

    ending = await (await world.hold()).run()

    assert ending is Ending.FAILED
    assert job.failures == [FailureCode.OUT_OF_MEMORY]


async def test_a_lease_that_ran_out_is_revived_by_the_renewal_that_gets_through(
    world: World,
) -> None:
    job = world.add(plan=Plan(takes=Seconds(400.0)))
    world.server.outages = [Spell(10.0, 200.0)]

    ending = await (await world.hold()).run()

    assert ending is Ending.COMPLETED
    assert (job.attempts, [lease for lease, _ in job.results]) == (1, ["lease-1"])
