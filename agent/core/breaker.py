"""Whether the box is to be trusted with jobs: after too many failures in a row it pauses itself.

    TRUSTED --as many failures in a row as are allowed--> PAUSED --its pause is over--> PROBING
       ^                                                    ^                            |   |
       |                                                    └────── failed, longer ──────┘   |
       └──────────────────────────────────── completed ──────────────────────────────────────┘

A failure counts when it may be the box's fault. One of the input counts neither for the box nor
against it. From the first failure on, no more jobs may be held than failures are left until the
pause: a broken GPU eats as many jobs as are allowed and, after each pause, one.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum

from agent.core.backoff import SteadyBackoff
from agent.model.failures import FailureCode
from agent.model.ids import Instant, Seconds

PAUSES = SteadyBackoff(Seconds(60.0), Seconds(3600.0))
LONGEST_REASON = 300


class Blame(Enum):
    BOX = "box"
    """Or nobody knows: the next input may show."""
    INPUT = "input"


BLAME: Mapping[FailureCode, Blame] = {
    FailureCode.INPUT_UNAVAILABLE: Blame.INPUT,
    FailureCode.INPUT_CORRUPT: Blame.INPUT,
    FailureCode.UNSUPPORTED_MEDIA: Blame.INPUT,
    FailureCode.MEDIA_UNREADABLE: Blame.INPUT,
    FailureCode.OPTIONS_INVALID: Blame.INPUT,
    FailureCode.TOO_LARGE: Blame.INPUT,
    FailureCode.OUT_OF_MEMORY: Blame.BOX,
    FailureCode.WORKER_CRASHED: Blame.BOX,
    FailureCode.TIMEOUT: Blame.BOX,
    FailureCode.INTERNAL: Blame.BOX,
    FailureCode.WORKER_LOST: Blame.INPUT,  # the server's word about an attempt of long ago
}


@dataclass(frozen=True, slots=True)
class Trusted:
    may_hold: int | None
    """Jobs that may wait or compute at the same time; None: as many as there are places."""


@dataclass(frozen=True, slots=True)
class Paused:
    """Take nothing."""

    why: str
    until: Instant


@dataclass(frozen=True, slots=True)
class Probing:
    """Take one job, which may show that the box works again."""

    why: str


Trust = Trusted | Paused | Probing


class Breaker:
    """Told how jobs ended and the time; says how far the box is to be trusted."""

    def __init__(self, *, most_failures: int) -> None:
        self._most = most_failures
        self._failures = 0
        """In a row."""
        self._pauses = 0
        """In a row."""
        self._until: Instant | None = None
        self._why = ""

    def trust(self, now: Instant) -> Trust:
        if self._until is None:
            return Trusted(self._most - self._failures if self._failures else None)
        if now < self._until:
            return Paused(f"{self._why}; paused for {_in_words(self._pause)}", self._until)
        return Probing(f"{self._why}; one job shows whether that is over")

    def on_limit(self, most_failures: int) -> None:
        """The owner allows another number of failures from now on."""
        self._most = most_failures

    def on_completed(self) -> None:
        self._failures = self._pauses = 0
        self._until = None

    def on_failed(self, code: FailureCode, message: str, now: Instant) -> None:
        if BLAME[code] is Blame.BOX:
            self.on_box_fault(f"{code.value}: {message}", now)

    def on_box_fault(self, reason: str, now: Instant) -> None:
        """Something failed that no input is to blame for."""
        self._failures += 1
        trust = self.trust(now)
        # What fails during a pause was begun before it: it neither lengthens nor repeats it.
        if isinstance(trust, Probing) or (self._until is None and self._failures >= self._most):
            self._pauses += 1
            self._until = Instant(now + self._pause)
            reason = reason.rstrip(".")[:LONGEST_REASON]
            times = "once" if self._failures == 1 else f"{self._failures} times in a row"
            self._why = f"failed {times} through no fault of an input, the last time: {reason}"

    @property
    def _pause(self) -> Seconds:
        return PAUSES.delay(self._pauses - 1)


def _in_words(pause: Seconds) -> str:
    return f"{pause / 60:.0f} min"
