"""Time."""

from datetime import datetime
from typing import Protocol

from agent.model.ids import Instant


class Clock(Protocol):
    def now(self) -> Instant:
        """Read the steady clock; it counts the time that the machine sleeps too."""
        ...

    def wall_now(self) -> datetime:
        """What a clock on the owner's wall shows, with its time zone; it may be set at any time."""
        ...

    async def sleep_until(self, when: Instant) -> None:
        """Return at once if `when` has passed, never before it."""
        ...
