"""Decides where one shot ends and the next begins; looks at no file, only at what was measured.

That two key frames differ proves that something changed between them. *Where*, many encoders tell
for free: at a cut they place a key frame off their usual beat. Only where that leaves a doubt are
the frames between two key frames decoded, no further than needed.

     key frames alike, no jump in size       ->  nothing happened             (no frame decoded)
     they differ, the second is off beat     ->  the cut is at the second     (no frame decoded)
     anything else                           ->  look at every frame, and compare neighbours
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

Sizes: TypeAlias = npt.NDArray[np.float64]

ALIKE, DIFFERENT = 0.3, 0.5
"""Bhattacharyya distances. Within one shot, key frames seconds apart stay below the second nearly
always, and neighbouring frames below the first."""
CUT, CERTAIN, SUDDEN = 0.3, 0.6, 2.5
"""Between neighbouring frames: the least, what is enough by itself, and otherwise how many times
the change between the frames around. A fade changes much, but it does so in every frame."""
FAINT, SUSPICIOUS, STRIKING = 1.6, 2.0, 2.5
"""Jumps in size, as a multiple of the largest frames around."""
FLASH = 0.25
"""Seconds: what is gone by then was a flash, or a single broken frame."""
SHORTEST = 0.4
"""Seconds: of cuts nearer to each other than this, the later ones do not count."""
_MOMENT = 1.0
"""Seconds in which hardly a camera turns away."""
_AROUND, _RANK = 12, 4


@dataclass(frozen=True, slots=True)
class Jump:
    """A frame that took more bytes than those around it."""

    time: float
    height: float


@dataclass(frozen=True, slots=True)
class Gap:
    """Between two key frames that were looked at, with none between them."""

    start: float
    end: float
    distance: float
    """Of the colours."""
    moved: float
    """Place by place, on the same scale."""
    jumps: tuple[Jump, ...]
    is_end_off_beat: bool
    """The encoder chose to put a key frame at `end`; its rhythm did not ask for one."""


@dataclass(frozen=True, slots=True)
class Nothing:
    """One shot goes on."""


@dataclass(frozen=True, slots=True)
class CutAt:
    time: float


@dataclass(frozen=True, slots=True)
class LookInside:
    """From the start of the gap, past `least`, until the picture is that of the end."""

    least: float


Verdict: TypeAlias = Nothing | CutAt | LookInside


def verdict(gap: Gap) -> Verdict:
    suspicious = [jump.time for jump in gap.jumps if jump.height >= SUSPICIOUS]
    if _is_rearranged(gap):
        return LookInside(gap.end)
    if gap.distance < ALIKE and not suspicious:
        return Nothing()
    if _is_cut_at_end(gap):
        return CutAt(gap.end)
    return LookInside(max(suspicious, default=gap.start))


def _is_cut_at_end(gap: Gap) -> bool:
    striking = any(jump.height >= STRIKING for jump in gap.jumps)
    return gap.distance >= DIFFERENT and gap.is_end_off_beat and not striking


def _is_rearranged(gap: Gap) -> bool:
    """Two shots may share their colours; then all is elsewhere, all of a sudden."""
    is_sudden = gap.is_end_off_beat or gap.end - gap.start <= _MOMENT
    return is_sudden and gap.distance < ALIKE and gap.moved >= CUT


def jumps(times: Sequence[float], sizes: Sizes) -> tuple[Jump, ...]:
    """The frames, in order of time, that took more bytes than their neighbours."""
    if len(sizes) < _RANK:
        return ()
    reach = min(_AROUND, len(sizes) - 1)
    padded = np.pad(sizes, reach, mode="reflect")
    windows = np.lib.stride_tricks.sliding_window_view(padded, 2 * reach + 1)
    usual = np.partition(windows, -_RANK, axis=1)[:, -_RANK]
    heights = sizes / np.maximum(usual, 1.0)
    return tuple(
        Jump(times[place], float(heights[place]))
        for place in np.flatnonzero(heights >= FAINT).tolist()
    )


@dataclass(frozen=True, slots=True)
class Step:
    """From one frame to the next."""

    time: float
    """Of the later one."""
    change: float
    """Between the two."""
    around: float
    """The mean change in the steps before and after."""
    across: float
    """The least between any frame up to `FLASH` before and any up to `FLASH` after."""


def cuts_among(steps: Sequence[Step]) -> tuple[float, ...]:
    """Where the picture changes for good: before and after a flash, it is the same."""
    return tuple(step.time for step in steps if _is_cut(step))


def _is_cut(step: Step) -> bool:
    is_sudden = step.change >= max(CUT, min(CERTAIN, SUDDEN * step.around))
    return is_sudden and step.across >= CUT


def settled(cuts: Sequence[float], duration: float) -> tuple[float, ...]:
    """In order, none too near to another, to the start or to the end."""
    result: list[float] = []
    for cut in sorted(cuts):
        if cut - (result[-1] if result else 0.0) >= SHORTEST and duration - cut >= SHORTEST / 2:
            result.append(cut)
    return tuple(result)


_SHARE = 0.2
"""A distance between key frames that this many have is a rhythm."""


def off_beat(keys: Sequence[float]) -> tuple[bool, ...]:
    """Which key frames come earlier than the rhythm of the others asks for."""
    if len(keys) < 2:  # noqa: PLR2004 - the smallest number with a distance between them
        return (False,) * len(keys)
    lengths = np.round(np.diff(np.asarray(keys)), 2)
    values, counts = np.unique(lengths, return_counts=True)
    usual = values[(counts >= max(3.0, _SHARE * len(lengths)))]
    beats = np.append(usual, lengths.max())
    free = np.abs(lengths[:, None] - beats[None, :]).min(axis=1) > 0.02  # noqa: PLR2004 - rounding
    return (False, *free.tolist())
