"""What every Clock must do, fake or real."""

import pytest

from agent.edges.clock import SystemClock
from agent.model.ids import Instant
from agent.ports import Clock
from tests.virtual_time import LoopClock

pytestmark = pytest.mark.real_time


@pytest.fixture(params=[SystemClock, LoopClock])
def any_clock(request: pytest.FixtureRequest) -> Clock:
    clock: Clock = request.param()
    return clock


async def test_nobody_wakes_earlier_than_asked(any_clock: Clock) -> None:
    when = Instant(any_clock.now() + 0.02)

    await any_clock.sleep_until(when)

    assert any_clock.now() >= when


async def test_the_past_is_not_waited_for(any_clock: Clock) -> None:
    before = any_clock.now()

    await any_clock.sleep_until(Instant(before - 3600))

    assert any_clock.now() - before < 1.0


async def test_time_does_not_go_back(any_clock: Clock) -> None:
    readings = [any_clock.now() for _ in range(100)]

    assert readings == sorted(readings)


async def test_the_wall_tells_its_zone_and_goes_as_fast_as_time_does(any_clock: Clock) -> None:
    before = any_clock.wall_now()

    await any_clock.sleep_until(Instant(any_clock.now() + 0.02))

    assert before.utcoffset() is not None
    assert 0.01 < any_clock.wall_now().timestamp() - before.timestamp() < 5
