"""Makes turns of what was heard in overlapping windows, once the speakers are known.

In each window the voices are matched to the speakers so that the voices fit best as a
whole. Then windows vote on every frame: on how many speak at once, and on who.
"""

from collections.abc import Iterator, Sequence
from itertools import groupby

import numpy as np
import numpy.typing as npt
from scipy.optimize import linear_sum_assignment

from agent.pipelines.diarization.hearing import Heard, Part, Stretch
from agent.pipelines.diarization.segmentation import FIRST_FRAME_S, FRAME_S
from agent.pipelines.diarization.turns import Turn, in_order_of_appearance, speaker_label
from agent.pipelines.diarization.voices import Voices

_PAUSE_S = 0.5
"""Shorter ones do not end a turn."""
_SHORTEST_S = 0.15
"""Less is no turn but a cough."""
_MUCH_MORE = 0.2
"""Of cosine similarity."""
_BLOCK = 65_536
"""Frames that are ranked at once."""

_Votes = npt.NDArray[np.float32]


def stitched(heard: Heard, speakers: Voices, duration: float) -> tuple[Turn, ...]:
    votes, together = _tally(heard, speakers, duration)
    turns = []
    for speaker, active in enumerate(_winners(votes, together).T):
        label = speaker_label(speaker)
        turns += [Turn(start, end, label) for start, end in _stretches(active, duration)]
    return in_order_of_appearance(turns)


def _tally(heard: Heard, speakers: Voices, duration: float) -> tuple[_Votes, npt.NDArray[np.int8]]:
    """Votes of frames by speakers, and how many speak at once in each frame."""
    width = heard.speaking.shape[1]
    total = round(duration / FRAME_S) + width + 2
    votes = np.zeros((total, len(speakers)), np.float32)
    speaking, weight = np.zeros(total, np.float32), np.zeros(total, np.float32)
    # The middle of a window knows more than its edges.
    trust = (np.hamming(width) + 1e-3).astype(np.float32)
    places = [slice(at := round(start / FRAME_S), at + width) for start in heard.starts]
    for place, counts in zip(places, heard.speaking, strict=True):
        speaking[place] += counts * trust
        weight[place] += trust
    for part, speaker in _matches(heard.parts, speakers):
        for stretch in part.stretches:
            owner = _owner(stretch, part, speaker, speakers)
            votes[places[part.window], owner] += stretch.frames * trust
    together = np.rint(speaking / np.maximum(weight, 1e-9)).astype(np.int8)
    return votes, together


def _matches(parts: Sequence[Part], speakers: Voices) -> Iterator[tuple[Part, int]]:
    """Which speaker each part is of; in one window, no two are of the same if it can be helped."""
    for _, window in groupby(parts, key=lambda part: part.window):
        mine = list(window)
        similarity = np.stack([part.voice for part in mine]) @ speakers.T
        chosen = similarity.argmax(1)
        rows, matched = linear_sum_assignment(-similarity)
        chosen[rows] = matched  # where there are more parts than speakers, some go without
        yield from zip(mine, chosen.tolist(), strict=True)


def _owner(stretch: Stretch, part: Part, speaker: int, speakers: Voices) -> int:
    """`speaker`, whose part it is, unless it sounds much more like somebody else than that."""
    if len(part.stretches) == 1:
        return speaker  # the part was matched for what this very stretch sounds like
    similarity = speakers @ stretch.voice
    nearest = int(similarity.argmax())
    return nearest if similarity[nearest] - similarity[speaker] >= _MUCH_MORE else speaker


def _winners(votes: _Votes, together: npt.NDArray[np.int8]) -> npt.NDArray[np.bool_]:
    """Frames by speakers: as many as speak at once, those with the most votes."""
    active = np.zeros(votes.shape, np.bool_)
    for first in range(0, len(votes), _BLOCK):
        place = slice(first, first + _BLOCK)
        order = np.argsort(-votes[place], axis=1, kind="stable")
        rank = np.argsort(order, axis=1, kind="stable")
        active[place] = (rank < together[place, None]) & (votes[place] > 0)
    return active


def _stretches(active: npt.NDArray[np.bool_], duration: float) -> Iterator[tuple[float, float]]:
    """Seconds from start to end, short pauses bridged."""
    padded = np.concatenate([[False], active, [False]])
    edges = np.flatnonzero(padded[1:] != padded[:-1]).reshape(-1, 2)
    moments = np.clip(FIRST_FRAME_S + (edges - 0.5) * FRAME_S, 0.0, duration)
    if len(moments) == 0:
        return
    pauses = np.flatnonzero(moments[1:, 0] - moments[:-1, 1] >= _PAUSE_S)
    starts = moments[np.concatenate([[0], pauses + 1]), 0]
    ends = moments[np.concatenate([pauses, [len(moments) - 1]]), 1]
    for start, end in zip(starts.tolist(), ends.tolist(), strict=True):
        if end - start > _SHORTEST_S:
            yield round(start, 3), round(end, 3)
