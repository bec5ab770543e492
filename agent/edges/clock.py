"""The machine's steady clock."""

import asyncio
import time

from agent.model.ids import Instant


class SystemClock:
    """Counts time asleep too: a suspended laptop must find its leases expired."""

    def now(self) -> Instant:
        return Instant(time.clock_gettime(time.CLOCK_BOOTTIME))

    async def sleep_until(self, when: Instant) -> None:
        # The loop's own timers may fire a moment early, and stand still while the machine sleeps.
        while self.now() < when:
            await asyncio.sleep(when - self.now())
