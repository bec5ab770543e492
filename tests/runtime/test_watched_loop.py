"""What an observer hears of the jobs, and that nothing short of a wedge looks like one."""

import asyncio
from collections import deque
from dataclasses import replace

import pytest

from agent.core.verdict import Verdict
from agent.model.errors import RequestRefusedError
from agent.model.ids import Bytes, Instant, JobId, Seconds
from agent.model.lease import LostReason, Received, Stage
from agent.ports import Ask, Report
from agent.runtime.renewal import MOST_LATE, LeaseHolder
from tests.fakes.ledger import Spell
from tests.fakes.pool import CRASHES, HANGS, RESULTS, Plan
from tests.runtime.world import DAY, HOUR, WHO, World, working
from tests.virtual_time import LoopClock

J1 = JobId("j1")
SIZE = sum(map(len, RESULTS.values()))


async def looked_at(world: World, troubles: list[str]) -> None:
    """As a thread beside the loop would."""
    while True:
        trouble = world.vitality.on_look(Instant(world.clock.now()))
        if trouble is not None:
            troubles.append(trouble)
        await asyncio.sleep(world.vitality.look_every)


async def troubles_in(world: World, seconds: float) -> list[str]:
    """Of an agent at work for so long."""
    troubles: list[str] = []
    async with working(world), asyncio.TaskGroup() as scope:
        looking = scope.create_task(looked_at(world, troubles))
        await asyncio.sleep(seconds)
        looking.cancel()
    return troubles


async def test_the_whole_way_of_a_job_is_told(world: World) -> None:
    world.add()

    await (await world.hold()).run()

    assert world.observer.told == [
        ("taken", J1, "audio", Stage.DOWNLOADING),
        ("moved", J1, Stage.QUEUED),
        ("moved", J1, Stage.PROCESSING),
        ("moved", J1, Stage.UPLOADING),
        ("ended", J1, "completed", SIZE),
    ]


async def test_a_job_that_fails_ends_without_a_result(world: World) -> None:
    world.add(plan=CRASHES)

    await (await world.hold()).run()

    assert world.observer.told[-1] == ("ended", J1, "failed", None)


async def test_a_job_that_goes_on_after_a_restart_is_taken_where_it_goes_on(world: World) -> None:
    world.add(plan=Plan(takes=Seconds(HOUR)))
    async with working(world):
        await world.sleep_until(600.0)
    next_start = world.restarted()

    async with working(next_start):
        await asyncio.sleep(2 * HOUR)

    assert world.observer.told[-1] == ("moved", J1, Stage.PROCESSING)
    assert next_start.observer.told[0] == ("taken", J1, "audio", Stage.QUEUED)
    assert next_start.observer.told[-1] == ("ended", J1, "completed", SIZE)


async def test_what_an_earlier_start_left_and_somebody_else_has_is_ended(world: World) -> None:
    world.add(plan=HANGS)
    async with working(world):
        await world.sleep_until(60.0)
    world.server.leases[next(iter(world.server.leases))].ended = LostReason.SUPERSEDED
    next_start = world.restarted()

    async with working(next_start):
        await asyncio.sleep(60.0)

    assert ("ended", J1, "lost", None) in next_start.observer.told


async def test_an_agent_that_waits_and_works_for_days_is_never_in_trouble(world: World) -> None:
    for name in ("j1", "j2", "j3"):
        world.add(name, plan=Plan(takes=Seconds(1.5 * HOUR)))

    assert await troubles_in(world, 2 * DAY) == []
    assert [told[:3:2] for told in world.observer.told if told[0] == "ended"] == [
        ("ended", "completed")
    ] * 3


@pytest.mark.parametrize("trouble", ["down", "hangs", "refuses"])
async def test_a_server_in_trouble_is_no_trouble_of_ours(world: World, trouble: str) -> None:
    world.add(plan=Plan(takes=Seconds(HOUR)))
    spell = [Spell(600.0, DAY)]
    world.server.outages = spell if trouble == "down" else []
    world.server.hangs = spell if trouble == "hangs" else []
    world.server.token_refused = spell if trouble == "refuses" else []

    assert await troubles_in(world, 1.5 * DAY) == []


async def test_a_server_that_is_away_from_the_start_is_no_trouble(world: World) -> None:
    world.server.outages = [Spell(0.0, DAY)]

    assert await troubles_in(world, DAY) == []


class StuckClock(LoopClock):
    """Its timers never fire."""

    async def sleep_until(self, when: Instant) -> None:
        del when
        await asyncio.Event().wait()


async def holder_of(
    world: World, ends: list[Verdict], clock: LoopClock | None = None
) -> LeaseHolder:
    world.add()
    await world.connection.hello(WHO)
    ask = Ask(
        request_id="r1", wait=Seconds(5.0), free_slots=1, prefetch=0, max_input=Bytes(1 << 30)
    )
    offer = (await world.connection.poll(ask)).offer
    assert offer is not None
    return LeaseHolder(
        Received(offer, world.clock.now()),
        replace(world.tools, clock=clock or world.clock),
        world.policy,
        report=lambda: Report(Stage.DOWNLOADING, 0.0),
        on_directive=lambda _said, _reason: None,
        on_end=ends.append,
    )


async def test_a_lease_that_nobody_renews_any_more_is_a_trouble(world: World) -> None:
    holder = await holder_of(world, [], StuckClock())
    holding = asyncio.create_task(holder.hold())
    await asyncio.sleep(1.0)

    troubles = [passed(world, seconds) for seconds in (60.0, MOST_LATE)]

    assert troubles[0] is None
    assert troubles[1] is not None
    assert troubles[1].startswith("a lease is not renewed")
    holding.cancel()


async def test_a_lease_that_is_over_is_not_missed(world: World) -> None:
    holder = await holder_of(world, [])
    holding = asyncio.create_task(holder.hold())
    await asyncio.sleep(200.0)

    holding.cancel()
    await asyncio.wait([holding])

    assert passed(world, 2 * MOST_LATE) is None


async def test_a_renewal_that_the_server_calls_wrong_is_not_missed(world: World) -> None:
    ends: list[Verdict] = []
    holder = await holder_of(world, ends)
    world.server.errors["renew"] = deque([RequestRefusedError("what?")])
    holding = asyncio.create_task(holder.hold())

    await asyncio.sleep(60.0)

    assert ends
    assert passed(world, 2 * MOST_LATE) is None
    holding.cancel()


def passed(world: World, seconds: float) -> str | None:
    """The trouble after so long, looked at as often as it should be."""
    start = world.clock.now()
    looks = int(seconds / world.vitality.look_every) + 1
    for look in range(looks + 1):
        world.vitality.on_look(Instant(start + look * world.vitality.look_every))
    return world.vitality.trouble
