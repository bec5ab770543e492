"""The machine's clocks: the steady one, and the one on the owner's wall."""

import asyncio
import time
from datetime import UTC, datetime, timedelta, tzinfo

from agent.edges.input_note import machine_boot
from agent.model.ids import Instant
from agent.model.pause import Reading


class SystemClocks:
    """Steady and wall clock together: the `Clocks` port."""

    def __init__(self, boot: str | None = None) -> None:
        """`boot` names this boot of the machine; by default it is asked for."""
        self._boot = machine_boot() if boot is None else boot

    def reading(self) -> Reading:
        return Reading(steady=SystemClock().now(), wall=time.time(), boot=self._boot)


class LocalZone(tzinfo):
    """The box's own zone as the system knows it, with every change of its clock."""

    def utcoffset(self, dt: datetime | None, /) -> timedelta | None:
        return None if dt is None else dt.replace(tzinfo=None).astimezone().utcoffset()

    def dst(self, _dt: datetime | None, /) -> timedelta | None:
        return None

    def tzname(self, dt: datetime | None, /) -> str | None:
        return None if dt is None else dt.replace(tzinfo=None).astimezone().tzname()

    def fromutc(self, dt: datetime, /) -> datetime:
        shown = dt.replace(tzinfo=UTC).astimezone()
        first = shown.replace(tzinfo=self, fold=0)
        # What the wall shows twice is meant the second time if the first would be another moment.
        return first if first.utcoffset() == shown.utcoffset() else first.replace(fold=1)


class SystemClock:
    """Counts time asleep too: a suspended laptop must find its leases expired."""

    def __init__(self, zone: tzinfo | None = None) -> None:
        """`zone`: of the wall; None: the box's own."""
        self._zone = zone or LocalZone()

    def now(self) -> Instant:
        return Instant(time.clock_gettime(time.CLOCK_BOOTTIME))

    def wall_now(self) -> datetime:
        return datetime.now(self._zone)

    async def sleep_until(self, when: Instant) -> None:
        # The loop's own timers may fire a moment early, and stand still while the machine sleeps.
        while self.now() < when:
            await asyncio.sleep(when - self.now())
