"""The terms on which the owner lends the box: hours, limits of the link, quotas."""

import asyncio
from dataclasses import dataclass

from agent.core.quota import Quotas
from agent.core.schedule import Schedule
from agent.ports import Clock, Notebook
from agent.runtime.budgets import Budgets, IsMetered, Restrain
from agent.runtime.lanes import Link
from agent.runtime.traffic import Traffic


@dataclass(frozen=True, slots=True, kw_only=True)
class LendingTerms:
    schedule: Schedule
    quotas: Quotas
    max_down: int | None
    """Bytes a second, as the next one."""
    max_up: int | None
    is_metered: IsMetered | None
    """None: the owner does not mind."""


class Lending:
    def __init__(self, terms: LendingTerms, notebook: Notebook, clock: Clock) -> None:
        """`notebook`: for what was transferred."""
        self._traffic = Traffic(terms.quotas, notebook, clock)
        self.link = Link(clock, self._traffic, max_down=terms.max_down, max_up=terms.max_up)
        self._budgets = Budgets(
            terms.schedule, self._traffic, self.link.gate, clock, terms.is_metered
        )
        self.quota_left = self._traffic.left

    async def run(self, restrain: Restrain) -> None:
        """Tell `restrain` what the terms ask for, until cancelled."""
        try:
            async with asyncio.TaskGroup() as scope:
                scope.create_task(self._traffic.keep())
                scope.create_task(self._budgets.run(restrain))
        finally:
            await self._traffic.write()
