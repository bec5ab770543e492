import time

import pytest

from agent.edges.clock import SystemClock
from agent.model.ids import Instant

pytestmark = pytest.mark.real_time


def test_time_asleep_counts_too() -> None:
    """The boot clock goes on while the machine sleeps; the monotonic one stands still."""
    before = time.clock_gettime(time.CLOCK_BOOTTIME)

    now = SystemClock().now()

    assert before <= now <= time.clock_gettime(time.CLOCK_BOOTTIME)


async def test_a_sleep_is_not_much_longer_than_asked() -> None:
    clock = SystemClock()
    asked = Instant(clock.now() + 0.01)

    await clock.sleep_until(asked)

    assert clock.now() - asked < 1.0
