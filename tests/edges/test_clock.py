import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from agent.edges.clock import LocalZone, SystemClock
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


@pytest.fixture
def _in_berlin(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    with monkeypatch.context() as context:
        context.setenv("TZ", "Europe/Berlin")
        time.tzset()
        yield
    time.tzset()


@pytest.mark.usefixtures("_in_berlin")
def test_the_boxs_own_zone_knows_every_change_of_its_clock() -> None:
    berlin, own = ZoneInfo("Europe/Berlin"), LocalZone()
    moment = datetime(2026, 1, 1, tzinfo=UTC)
    for _ in range(365 * 24):
        moment += timedelta(hours=1)
        there, here = moment.astimezone(berlin), moment.astimezone(own)
        assert (here.replace(tzinfo=None), here.fold) == (there.replace(tzinfo=None), there.fold)
        assert here.utcoffset() == there.utcoffset()
        assert here.timestamp() == moment.timestamp()


@pytest.mark.usefixtures("_in_berlin")
def test_the_wall_shows_the_boxs_own_time_or_that_of_the_zone_it_is_given() -> None:
    own, other = SystemClock().wall_now(), SystemClock(ZoneInfo("Asia/Tokyo")).wall_now()

    assert own.utcoffset() in {timedelta(hours=1), timedelta(hours=2)}
    assert own.tzname() in {"CET", "CEST"}
    assert own.dst() is None
    assert other.utcoffset() == timedelta(hours=9)
    assert abs(other.timestamp() - own.timestamp()) < 5
