import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from agent.config.hours import weekly_hours
from agent.core.quota import Quota, Quotas
from agent.core.schedule import Schedule
from agent.model.ids import Bytes, Instant
from agent.model.restraint import Restraint, Rung
from agent.runtime.budgets import LOOK_EVERY, METERED
from agent.runtime.lending import Lending, LendingTerms
from tests.fakes.notebook import FakeNotebook
from tests.virtual_time import LoopClock

HOUR = 3600.0
"""Virtual time begins at noon of a Monday, in UTC."""


@dataclass
class Told:
    clock: LoopClock
    restraints: list[tuple[float, str, Restraint | None]] = field(
        default_factory=list[tuple[float, str, Restraint | None]]
    )

    def restrain(self, source: str, restraint: Restraint | None) -> None:
        self.restraints.append((self.clock.now(), source, restraint))

    def of(self, source: str) -> list[tuple[float, Rung | None]]:
        return [
            (when, None if restraint is None else restraint.rung)
            for when, name, restraint in self.restraints
            if name == source
        ]


def lending(
    clock: LoopClock,
    *,
    schedule: Schedule | None = None,
    quotas: Quotas | None = None,
    is_metered: Callable[[], bool | None] | None = None,
) -> Lending:
    async def ask() -> bool | None:
        return None if is_metered is None else is_metered()

    terms = LendingTerms(
        schedule=schedule or Schedule(),
        quotas=quotas or Quotas(),
        max_down=None,
        max_up=None,
        is_metered=None if is_metered is None else ask,
    )
    return Lending(terms, FakeNotebook(), clock)


def is_shut(lent: Lending) -> bool:
    return lent.link.gate.shut is not None


def why_shut(lent: Lending) -> str | None:
    return lent.link.down.closed


@asynccontextmanager
async def watched(lent: Lending, told: Told) -> AsyncIterator[None]:
    task = asyncio.create_task(lent.run(told.restrain))
    for _ in range(5):  # What it tells at once it has told.
        await asyncio.sleep(0)
    yield
    task.cancel()
    await asyncio.wait({task})


async def sleep_until(clock: LoopClock, when: float) -> None:
    await clock.sleep_until(Instant(when))


async def test_without_terms_nothing_restrains(clock: LoopClock) -> None:
    async with watched(lending(clock), told := Told(clock)):
        await sleep_until(clock, 30 * HOUR)

    assert told.restraints == [(0, "hours", None), (0, "budget", None)]


async def test_hours_are_told_to_the_second_and_once(clock: LoopClock) -> None:
    schedule = Schedule(compute=weekly_hours("18:00-06:00"), quiet=weekly_hours("22:30-23:00"))
    async with watched(lending(clock, schedule=schedule), told := Told(clock)):
        await sleep_until(clock, 20 * HOUR)

    assert told.of("hours") == [
        (0, Rung.TAKE_NOTHING),
        (6 * HOUR, None),
        (10.5 * HOUR, Rung.HAND_BACK),
        (11 * HOUR, None),
        (18 * HOUR, Rung.TAKE_NOTHING),
    ]


async def test_outside_the_network_hours_the_gate_is_shut_at_once(clock: LoopClock) -> None:
    lent = lending(clock, schedule=Schedule(network=weekly_hours("13:00-14:00")))
    async with watched(lent, told := Told(clock)):
        assert is_shut(lent)
        await sleep_until(clock, 1.5 * HOUR)
        assert not is_shut(lent)
        await sleep_until(clock, 2.5 * HOUR)
        assert why_shut(lent) == "outside the network hours, until Tuesday 13:00"

    assert told.of("hours") == [
        (0, Rung.TAKE_NOTHING),
        (HOUR, None),
        (2 * HOUR, Rung.TAKE_NOTHING),
    ]


async def test_quiet_hours_leave_the_link_open(clock: LoopClock) -> None:
    lent = lending(clock, schedule=Schedule(quiet=weekly_hours("11:00-14:00")))
    async with watched(lent, Told(clock)):
        assert not is_shut(lent)


async def test_a_quota_restrains_in_the_moment_in_which_it_is_used_up(clock: LoopClock) -> None:
    lent = lending(clock, quotas=Quotas(daily=Quota(both=Bytes(100))))
    async with watched(lent, told := Told(clock)):
        await sleep_until(clock, 10)
        await lent.link.down.carry(60)
        await sleep_until(clock, 11)
        await lent.link.up.carry(40)
        await sleep_until(clock, 13 * HOUR)
        assert not is_shut(lent)

    assert told.of("budget")[:2] == [(0, None), (11, Rung.TAKE_NOTHING)]
    ((renewed_at, _),) = told.of("budget")[2:]
    assert 12 * HOUR <= renewed_at <= 12 * HOUR + LOOK_EVERY


async def test_a_metered_link_is_shut_until_it_is_another(clock: LoopClock) -> None:
    lent = lending(clock, is_metered=lambda: clock.now() < 100)
    async with watched(lent, told := Told(clock)):
        await sleep_until(clock, 1)
        assert why_shut(lent) == METERED
        await sleep_until(clock, 200)
        assert why_shut(lent) is None

    assert [rung for _, rung in told.of("budget")] == [None, Rung.TAKE_NOTHING, None]


async def test_a_link_of_which_nobody_knows_is_used(clock: LoopClock) -> None:
    lent = lending(clock, is_metered=lambda: None)
    async with watched(lent, told := Told(clock)):
        await sleep_until(clock, 100)

    assert told.of("budget") == [(0, None)]


async def test_what_was_counted_last_is_written_at_the_end(clock: LoopClock) -> None:
    terms = LendingTerms(
        schedule=Schedule(), quotas=Quotas(), max_down=None, max_up=None, is_metered=None
    )
    lent = Lending(terms, notebook := FakeNotebook(), clock)
    async with watched(lent, Told(clock)):
        await sleep_until(clock, 1)
        await lent.link.down.carry(10)

    assert notebook.note["today"] == {"down": 10, "up": 0}
