import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import date

import pytest
from structlog.testing import capture_logs

from agent.core.quota import Moved, Quota, Quotas
from agent.core.schedule import Moment
from agent.model.ids import Bytes, Instant, JsonObject
from agent.model.restraint import Restraint, Rung
from agent.runtime.traffic import WRITE_EVERY, Traffic
from tests.fakes.notebook import FakeNotebook
from tests.virtual_time import LoopClock

HOUR = 3600.0
QUOTAS = Quotas(daily=Quota(both=Bytes(1000)))
EARLIER: JsonObject = {
    "day": "2026-06-01",
    "today": {"down": 600, "up": 100},
    "month": {"down": 600, "up": 100},
}


@asynccontextmanager
async def kept(traffic: Traffic) -> AsyncIterator[None]:
    task = asyncio.create_task(traffic.keep())
    await asyncio.sleep(0)
    yield
    task.cancel()
    await asyncio.wait({task})


async def sleep_until(clock: LoopClock, when: float) -> None:
    await clock.sleep_until(Instant(when))


def moment(clock: LoopClock) -> Moment:
    return Moment(clock.now(), clock.wall_now())


async def test_what_earlier_starts_counted_counts(clock: LoopClock) -> None:
    traffic = Traffic(QUOTAS, FakeNotebook(EARLIER), clock)
    traffic.on_down(50)

    async with kept(traffic):
        await sleep_until(clock, 1)

        assert traffic.tally.today == Moved(650, 100)
        assert traffic.left() == 250


async def test_what_was_counted_on_another_day_counts_for_the_month(clock: LoopClock) -> None:
    note = FakeNotebook({**EARLIER, "day": "2026-05-31"})
    async with kept(traffic := Traffic(QUOTAS, note, clock)):
        await sleep_until(clock, 1)

        assert traffic.tally.today == traffic.tally.month == Moved()


@pytest.mark.parametrize("note", [{}, {"day": "soon"}, {"day": "2026-06-01", "today": [1]}])
async def test_a_note_that_says_nothing_counts_as_nothing(
    clock: LoopClock, note: JsonObject
) -> None:
    async with kept(traffic := Traffic(QUOTAS, FakeNotebook(note), clock)):
        await sleep_until(clock, 1)

        assert traffic.left() == 1000


async def test_a_crash_forgets_a_few_seconds_at_most(clock: LoopClock) -> None:
    notebook = FakeNotebook()
    async with kept(traffic := Traffic(QUOTAS, notebook, clock)):
        await sleep_until(clock, 100)
        traffic.on_down(10)
        traffic.on_up(3)
        await sleep_until(clock, 100 + WRITE_EVERY + 0.1)

        assert notebook.note == {
            "day": "2026-06-01",
            "today": {"down": 10, "up": 3},
            "month": {"down": 10, "up": 3},
        }


async def test_an_idle_link_writes_nothing(clock: LoopClock) -> None:
    notebook = FakeNotebook()
    async with kept(Traffic(QUOTAS, notebook, clock)):
        await sleep_until(clock, HOUR)

        assert notebook.writes == 0


async def test_a_full_disk_does_not_end_the_counting(clock: LoopClock) -> None:
    notebook = FakeNotebook(is_full=True)
    async with kept(traffic := Traffic(QUOTAS, notebook, clock)):
        traffic.on_down(10)
        with capture_logs() as logs:
            await sleep_until(clock, 10)
        notebook.is_full = False
        traffic.on_down(5)
        await sleep_until(clock, 20)

        assert [entry["event"] for entry in logs] == ["traffic.not_written"]
        assert notebook.note["today"] == {"down": 15, "up": 0}


async def test_a_quota_that_is_used_up_takes_nothing_until_midnight(clock: LoopClock) -> None:
    traffic = Traffic(QUOTAS, FakeNotebook(), clock)
    assert traffic.restraint(moment(clock)) is None
    traffic.on_down(1000)

    assert traffic.restraint(moment(clock)) == Restraint(
        rung=Rung.TAKE_NOTHING,
        why="the daily transfer quota of 1 KB is used up",
        until=Instant(12 * HOUR),
    )
    await sleep_until(clock, 12 * HOUR)
    assert traffic.restraint(moment(clock)) is None
    assert traffic.tally.day == date(2026, 6, 2)


async def test_whoever_waits_for_it_hears_when_a_quota_is_used_up(clock: LoopClock) -> None:
    traffic = Traffic(QUOTAS, FakeNotebook(), clock)
    asyncio.get_running_loop().call_at(5, traffic.on_up, 999)
    asyncio.get_running_loop().call_at(7, traffic.on_up, 1)

    await traffic.news()

    assert clock.now() == Instant(7)
