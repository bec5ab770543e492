"""How long a task may compute, and how long it may wait in the middle of that.

COMPUTING ──on_paused──> PAUSED ──on_went_on──> COMPUTING
└── its limit, pauses not counted: OVERDUE      └── one pause over its limit: FORGOTTEN
"""

from enum import Enum, auto

from agent.model.ids import Instant, Seconds

_LONGEST_SOFT_STOP = 0.1
"""Of the limit: a job that may take a minute gets 54 s, not none."""


class Verdict(Enum):
    OVERDUE = auto()
    """It computed for as long as it may."""
    FORGOTTEN = auto()
    """It waited for so long that another box should have it."""


class TaskTime:
    """Told when the task waits and when it computes; says when that is too long."""

    def __init__(self, *, limit: Seconds, longest_pause: Seconds, now: Instant) -> None:
        self._left = limit
        self._longest_pause = longest_pause
        self._since = now
        self._is_paused = False

    @property
    def next_wakeup(self) -> Instant:
        return Instant(self._since + (self._longest_pause if self._is_paused else self._left))

    def on_paused(self, now: Instant) -> None:
        if not self._is_paused:
            self._left = self.left(now)
            self._is_paused, self._since = True, now

    def on_went_on(self, now: Instant) -> None:
        if self._is_paused:
            self._is_paused, self._since = False, now

    def left(self, now: Instant) -> Seconds:
        """Of the time to compute."""
        used = 0.0 if self._is_paused else now - self._since
        return Seconds(self._left - used)

    def verdict(self, now: Instant) -> Verdict | None:
        if now < self.next_wakeup:
            return None
        return Verdict.FORGOTTEN if self._is_paused else Verdict.OVERDUE


def time_to_stop(limit: Seconds, soft_stop: Seconds) -> Seconds:
    """When a task with that limit ends at its next safe point."""
    return Seconds(limit - min(soft_stop, _LONGEST_SOFT_STOP * limit))
