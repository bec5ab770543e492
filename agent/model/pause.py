"""The owner's own pause, as it lies on disk."""

from dataclasses import dataclass

from agent.model.ids import Instant, Seconds


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """Both clocks of this machine at one moment."""

    steady: Instant
    wall: float
    """Seconds since 1970."""
    boot: str
    """Of the machine: the steady clock is the same one for as long as this is."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Pause:
    """Asked for at `began`; with neither `lasts` nor `until` it has no end."""

    began: Reading
    lasts: Seconds | None = None
    until: float | None = None
    """By the clock on the wall."""
    free_gpu: bool = False
