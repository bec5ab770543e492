import asyncio

import pytest

from agent.core.pacing import Pacer
from agent.core.quota import Quotas
from agent.model.errors import JobReturnedError
from agent.model.ids import Instant, Seconds
from agent.model.restraint import Restraint, Rung
from agent.runtime.lanes import PATIENCE, Gate, LentLane, Link
from agent.runtime.traffic import Traffic
from tests.fakes.notebook import FakeNotebook
from tests.virtual_time import LoopClock

KB = 1000
MINUTE = 60.0


def lane_of(
    clock: LoopClock,
    gate: Gate | None = None,
    *,
    rate: int | None = None,
    patience: Seconds | None = PATIENCE,
) -> LentLane:
    pacer = None if rate is None else Pacer(rate)
    return LentLane(clock, gate or Gate(), pacer=pacer, on_bytes=lambda _: None, patience=patience)


def shut(until: float | None) -> Restraint:
    end = None if until is None else Instant(until)
    return Restraint(rung=Rung.TAKE_NOTHING, why="outside the network hours", until=end)


async def send(lane: LentLane, chunk: int, seconds: float) -> int:
    """How much goes in that time."""
    sent = 0
    try:
        async with asyncio.timeout(seconds):
            while True:
                await lane.carry(chunk)
                sent += chunk
    except TimeoutError:
        return sent


async def test_without_a_limit_nothing_is_held_up(clock: LoopClock) -> None:
    lane = lane_of(clock)

    assert await lane.carry(10**9) == Seconds(0)
    assert clock.now() == Instant(0)


async def test_a_limited_lane_carries_its_limit(clock: LoopClock) -> None:
    sent = await send(lane_of(clock, rate=500 * KB), 7 * KB, 30)

    assert sent == pytest.approx(30 * 500 * KB, rel=0.01)


async def test_it_tells_how_long_it_held_the_bytes_up(clock: LoopClock) -> None:
    lane = lane_of(clock, rate=100 * KB)
    await lane.carry(100 * KB)
    before = clock.now()

    held = await lane.carry(50 * KB)

    assert held == clock.now() - before == pytest.approx(0.5, rel=0.2)


async def test_two_transfers_share_a_lane_evenly_whatever_their_chunks(clock: LoopClock) -> None:
    lane = lane_of(clock, rate=800 * KB)

    async with asyncio.TaskGroup() as scope:
        small = scope.create_task(send(lane, 3 * KB, 30))
        large = scope.create_task(send(lane, 256 * KB, 30))

    assert small.result() + large.result() == pytest.approx(30 * 800 * KB, rel=0.05)
    # A small chunk is a turn of its own and shorter than a piece: it never gets more than half.
    assert small.result() <= large.result()


async def test_every_byte_is_counted_whoever_held_it_up(clock: LoopClock) -> None:
    counted = list[int]()
    lane = LentLane(clock, Gate(), pacer=Pacer(10 * KB), on_bytes=counted.append)

    await lane.carry(5 * KB)
    await lane.carry(1)

    assert counted == [5 * KB, 1]


async def test_an_open_gate_is_passed_at_once(clock: LoopClock) -> None:
    lane = lane_of(clock)

    await lane.enter()

    assert (lane.closed, clock.now()) == (None, Instant(0))


async def test_a_gate_that_opens_soon_is_waited_for(clock: LoopClock) -> None:
    gate = Gate()
    gate.set(shut(until=4 * MINUTE))
    asyncio.get_running_loop().call_at(4 * MINUTE, gate.set, None)

    await lane_of(clock, gate).enter()

    assert clock.now() == Instant(4 * MINUTE)


@pytest.mark.parametrize("until", [6 * MINUTE, None])
async def test_a_job_is_handed_back_rather_than_wait_long_for_its_input(
    clock: LoopClock, until: float | None
) -> None:
    gate = Gate()
    gate.set(shut(until))

    with pytest.raises(JobReturnedError, match="outside the network hours") as caught:
        await lane_of(clock, gate).enter()

    assert caught.value.retry_after == until
    assert clock.now() == Instant(0)


async def test_a_gate_that_does_not_open_when_it_should_is_given_up(clock: LoopClock) -> None:
    gate = Gate()
    gate.set(shut(until=MINUTE))

    with pytest.raises(JobReturnedError):
        await lane_of(clock, gate).enter()

    assert clock.now() == Instant(PATIENCE)


async def test_a_result_waits_for_as_long_as_it_takes(clock: LoopClock) -> None:
    gate = Gate()
    gate.set(shut(until=None))
    asyncio.get_running_loop().call_at(86_400, gate.set, None)

    await lane_of(clock, gate, patience=None).enter()

    assert clock.now() == Instant(86_400)


async def test_both_directions_have_a_gate_in_common_and_limits_of_their_own(
    clock: LoopClock,
) -> None:
    traffic = Traffic(Quotas(), FakeNotebook(), clock)
    link = Link(clock, traffic, max_down=100 * KB, max_up=None)

    await link.down.carry(10)
    await link.up.carry(7)
    link.gate.set(shut(until=None))

    assert (link.down.closed, link.up.closed) == ("outside the network hours",) * 2
    assert link.down.piece < link.up.piece
    assert (traffic.tally.today.down, traffic.tally.today.up) == (10, 7)
