"""Who spoke when, and how many speakers there may be."""

from collections.abc import Iterable
from dataclasses import dataclass, replace


@dataclass(frozen=True, slots=True)
class Turn:
    """One speaker without a long pause, in seconds; turns of different speakers may overlap."""

    start: float
    end: float
    speaker: str


@dataclass(frozen=True, slots=True)
class SpeakerBounds:
    """What is known about the number of speakers before anybody listened.

    Bounds choose among the voices that are there: they never make up a speaker, so a recording of
    one voice has one, whatever was asked for.
    """

    exact: int | None = None
    least: int = 1
    most: int | None = None

    @property
    def lowest(self) -> int:
        return self.exact or self.least

    @property
    def highest(self) -> int | None:
        return self.exact or self.most


def speaker_label(number: int) -> str:
    return f"SPEAKER_{number:02d}"


def in_order_of_appearance(turns: Iterable[Turn]) -> tuple[Turn, ...]:
    """The turns by time; whoever speaks first is `SPEAKER_00`, the next new voice `SPEAKER_01`."""
    ordered = sorted(turns, key=lambda turn: (turn.start, turn.end, turn.speaker))
    labels: dict[str, str] = {}
    for turn in ordered:
        labels.setdefault(turn.speaker, speaker_label(len(labels)))
    return tuple(replace(turn, speaker=labels[turn.speaker]) for turn in ordered)
