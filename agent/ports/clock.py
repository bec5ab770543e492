"""Time."""

from typing import Protocol

from agent.model.ids import Instant


class Clock(Protocol):
    def now(self) -> Instant:
        """Read the steady clock; it counts the time that the machine sleeps too."""
        ...

    async def sleep_until(self, when: Instant) -> None:
        """Return at once if `when` has passed, never before it."""
        ...
