"""Watches the clock on the wall, the quotas and the link, and tells what they restrain."""

from collections.abc import Awaitable, Callable
from dataclasses import replace

from agent.core.schedule import Moment, Schedule
from agent.model.ids import Instant, Seconds
from agent.model.restraint import Restraint, Rung
from agent.ports import Clock
from agent.runtime.lanes import Gate
from agent.runtime.race import first_of
from agent.runtime.traffic import Traffic

SAME = Seconds(2.0)
"""Two readings of two clocks differ by as much although nothing changed."""
LOOK_EVERY = Seconds(30.0)
"""The wall's clock may be set, and the link changed, at any moment."""
METERED = "the network link costs by the byte"

Restrain = Callable[[str, Restraint | None], None]
IsMetered = Callable[[], Awaitable[bool | None]]


class Budgets:
    def __init__(
        self,
        schedule: Schedule,
        traffic: Traffic,
        gate: Gate,
        clock: Clock,
        is_metered: IsMetered | None,
    ) -> None:
        """`is_metered`: None where the owner does not mind."""
        self._schedule = schedule
        self._traffic = traffic
        self._gate = gate
        self._clock = clock
        self._is_metered = is_metered
        self._metered: Restraint | None = None
        self._told: dict[str, Restraint | None] = {}

    async def run(self, restrain: Restrain) -> None:
        """Tell `restrain` about `hours` and `budget`, at once and whenever they change."""
        # The clock needs not be asked for: nothing is fetched while the link still is.
        self._look(restrain)
        while True:
            self._metered = await self._ask_about_the_link()
            self._look(restrain)
            await first_of(self._next_look(), self._traffic.news())

    def _look(self, restrain: Restrain) -> None:
        moment, metered = self._moment(), self._metered
        self._gate.set(metered or self._schedule.network_restraint(moment))
        for source, restraint in (
            ("hours", self._schedule.restraint(moment)),
            ("budget", metered or self._traffic.restraint(moment)),
        ):
            if source not in self._told or not _is_same(self._told[source], restraint):
                self._told[source] = restraint
                restrain(source, restraint)

    async def _ask_about_the_link(self) -> Restraint | None:
        if self._is_metered is None or not await self._is_metered():
            return None
        return Restraint(rung=Rung.TAKE_NOTHING, why=METERED)

    async def _next_look(self) -> None:
        moment = self._moment()
        latest = Instant(moment.now + LOOK_EVERY)
        await self._clock.sleep_until(min(latest, self._schedule.next_change(moment) or latest))

    def _moment(self) -> Moment:
        return Moment(self._clock.now(), self._clock.wall_now())


def _is_same(before: Restraint | None, now: Restraint | None) -> bool:
    if before is None or now is None or before.until is None or now.until is None:
        return before == now
    return replace(before, until=now.until) == now and abs(before.until - now.until) < SAME
