"""Cuts what is heard in one window into pieces that are one voice each.

The segmentation network tells three voices apart, but it takes two people who sound alike for one
where each speaks alone. So a local speaker's stretches are compared, and where they are two voices,
they go separate ways.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch

from agent.pipelines.diarization import features
from agent.pipelines.diarization.segmentation import (
    FIRST_FRAME_S,
    FRAME_S,
    LOCAL_SPEAKERS,
    Activity,
)

_ALONE_S = 0.4
"""Seconds; with less of them a speaker's overlapped speech is taken, too."""
_STRETCH_S = 1.2
"""Of clean speech: a voice that can be compared. Shorter stretches go with the nearest such one."""
_PAUSE_S = 0.3
"""Parts two stretches."""
_SHORTEST, _GRAIN, _LONGEST = 25, 50, 600
"""Frames of a clip. Lengths are rounded down to the grain: oneDNN keeps buffers for every shape it
has seen, and 600 shapes take gigabytes."""

Frames = npt.NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Piece:
    """Speech of one local speaker of one window."""

    window: int
    local: int
    frames: Frames
    clean: float
    """Seconds without anybody else."""
    energies: torch.Tensor


def pieces(window: int, activity: Activity, energies: torch.Tensor) -> Iterator[Piece]:
    """What is long enough to be a voice, of frames by local speakers."""
    alone = activity.sum(1) == 1
    for local in range(LOCAL_SPEAKERS):
        for frames in _stretches(activity[:, local], alone):
            clean = float((frames & alone).sum()) * FRAME_S
            rows = _rows(frames & alone if clean >= _ALONE_S else frames, len(energies))
            if len(rows) >= _SHORTEST:
                clip = energies[torch.from_numpy(rows).to(energies.device)]
                yield Piece(window, local, frames, clean, clip)


def _stretches(mine: Frames, alone: Frames) -> list[Frames]:
    """The frames of `mine`, in one mask per stretch that is long enough to stand alone."""
    runs = [run for run in _runs(mine) if run[1] > run[0]]
    long = [run for run in runs if (mine & alone)[slice(*run)].sum() * FRAME_S >= _STRETCH_S]
    if len(long) <= 1:
        return [mine] if runs else []
    masks = [np.zeros(len(mine), np.bool_) for _ in long]
    for run in runs:
        nearest = min(range(len(long)), key=lambda place: _distance(run, long[place]))
        masks[nearest][slice(*run)] = mine[slice(*run)]
    return masks


def _runs(mine: Frames) -> list[tuple[int, int]]:
    """Begin and end of each stretch, short pauses within it."""
    padded = np.concatenate([[False], mine, [False]])
    edges = np.flatnonzero(padded[1:] != padded[:-1]).reshape(-1, 2).tolist()
    runs: list[tuple[int, int]] = []
    for begin, end in edges:
        if runs and (begin - runs[-1][1]) * FRAME_S < _PAUSE_S:
            runs[-1] = (runs[-1][0], end)
        else:
            runs.append((begin, end))
    return runs


def _distance(run: Sequence[int], other: Sequence[int]) -> int:
    return max(0, other[0] - run[1], run[0] - other[1])


def _rows(frames: Frames, count: int) -> npt.NDArray[np.intp]:
    """The rows of mel energies under frames of the segmentation, which are longer than they."""
    moments = FIRST_FRAME_S + np.flatnonzero(frames) * FRAME_S
    first = np.rint(moments / features.FRAME_S).astype(np.intp)
    rows = np.unique(np.concatenate([first, first + 1]))
    rows = rows[rows < count][:_LONGEST]
    return rows[: len(rows) // _GRAIN * _GRAIN or _SHORTEST]
