"""How long to wait before the next try."""

from dataclasses import dataclass
from random import Random

from agent.model.ids import Seconds

LARGEST_POWER = 32
"""2 to this is past every cap; more would only overflow."""


@dataclass(frozen=True, slots=True)
class Backoff:
    """Exponential with full jitter, never shorter than the peer's Retry-After."""

    base: Seconds
    cap: Seconds
    rng: Random

    def delay(self, failures: int, retry_after: Seconds | None = None) -> Seconds:
        """The pause after `failures` earlier failures in a row."""
        ceiling = min(self.cap, self.base * 2 ** min(failures, LARGEST_POWER))
        return Seconds(max(self.rng.uniform(0, ceiling), retry_after or 0.0))


@dataclass(frozen=True, slots=True)
class SteadyBackoff:
    """Exponential without jitter: for the pauses that a person is told about."""

    base: Seconds
    cap: Seconds

    def delay(self, failures: int, retry_after: Seconds | None = None) -> Seconds:
        pause = min(self.cap, self.base * 2 ** min(failures, LARGEST_POWER))
        return Seconds(max(pause, retry_after or 0.0))
