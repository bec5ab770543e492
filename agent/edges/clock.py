"""The machine's clocks."""

import asyncio
import time

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


class SystemClock:
    """Counts time asleep too: a suspended laptop must find its leases expired."""

    def now(self) -> Instant:
        return Instant(time.clock_gettime(time.CLOCK_BOOTTIME))

    async def sleep_until(self, when: Instant) -> None:
        # The loop's own timers may fire a moment early, and stand still while the machine sleeps.
        while self.now() < when:
            await asyncio.sleep(when - self.now())
