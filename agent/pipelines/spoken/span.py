"""A stretch of a recording."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Span:
    """From `start` to `end`, in seconds from the start of the recording."""

    start: float
    end: float

    @property
    def length(self) -> float:
        return self.end - self.start

    def overlap(self, other: "Span") -> float:
        """Seconds that both cover; 0 where they do not meet."""
        return max(0.0, min(self.end, other.end) - max(self.start, other.start))
