"""Finds the speakers among voices: how many there are, and what each one sounds like.

Average linkage joins the voices that are closer than two people's are; groups that spoke too
little to be a person fall away, and groups that turn out to sound alike become one.
"""

from collections.abc import Iterator

import numpy as np
import numpy.typing as npt
from scipy.cluster.hierarchy import fcluster, linkage

from agent.pipelines.diarization.turns import SpeakerBounds
from agent.pipelines.diarization.voices import Voices, unit

_APART = 0.5
"""Cosine distance at which two groups are two people; 0.4 to 0.6 find the same speakers."""
_ALIKE = 0.65
"""Cosine similarity from which two groups' means are one person."""
_CLEAN_S = 0.5
"""Seconds without anybody else from which a voice is clear enough to count."""
_LEAST_S, _LEAST_SHARE = 1.0, 0.01
"""What a person needs to have spoken, and the share of all speech where that is more."""
_MOST_CLUSTERED = 3000
"""Linkage takes memory and time by the square: 36 MB and half a second here."""

Seconds = npt.NDArray[np.float64]
_Labels = npt.NDArray[np.int32]


def find_speakers(voices: Voices, clean: Seconds, bounds: SpeakerBounds) -> Voices:
    """One voice of length 1 per speaker, who spoke most first; none only where no voice is given.

    `clean` are the seconds that each voice was heard alone.
    """
    if len(voices) == 0:
        return voices
    chosen = _clearest(clean)
    points, weights = voices[chosen], clean[chosen] + 1e-3  # every voice is some evidence
    groups = _groups(points, weights, bounds)
    return unit(_merged(groups, bounds))


def _clearest(clean: Seconds) -> npt.NDArray[np.intp]:
    clear = np.flatnonzero(clean >= _CLEAN_S)
    if len(clear) <= 1:
        clear = np.flatnonzero(clean >= np.median(clean))
    # Evenly over time: whoever speaks a hundredth of the time is still a hundredth of these.
    places = np.linspace(0, len(clear) - 1, min(len(clear), _MOST_CLUSTERED)).astype(np.intp)
    return clear[places]


def _groups(points: Voices, weights: Seconds, bounds: SpeakerBounds) -> list[Voices]:
    """The sum of each group's voices, by weight: long where there is much evidence."""
    found: list[Voices] = []
    for labels in _partitions(points, bounds):
        found = _lasting(points, weights, labels)
        if len(found) >= bounds.lowest:
            break
    return found


def _partitions(points: Voices, bounds: SpeakerBounds) -> Iterator[_Labels]:
    """First by distance; then, for when more speakers are known of, finer and finer."""
    if len(points) == 1:
        yield np.ones(1, np.int32)
        return
    tree = linkage(points.astype(np.float64), "average", metric="cosine")
    by_distance: _Labels = fcluster(tree, _APART, "distance")
    yield by_distance
    finest = min(len(points), 4 * bounds.lowest)
    for count in range(max(2, len(set(by_distance))), finest + 1):
        yield fcluster(tree, count, "maxclust")


def _lasting(points: Voices, weights: Seconds, labels: _Labels) -> list[Voices]:
    """The groups that spoke enough to be somebody; of all too small ones the largest is."""
    groups = np.unique(labels)
    spoken = np.array([weights[labels == group].sum() for group in groups])
    needed = min(max(_LEAST_S, _LEAST_SHARE * spoken.sum()), 0.5 * spoken.max())
    ranked = groups[np.argsort(-spoken, kind="stable")]
    lasting = ranked[np.sort(spoken)[::-1] >= needed]
    return [(points[labels == g] * weights[labels == g, None]).sum(0) for g in lasting]


def _merged(groups: list[Voices], bounds: SpeakerBounds) -> Voices:
    """The groups as one array, the most alike added up while they sound like one, or are too many.

    Where fewer are allowed than were found, the nearest become one; where more are known of than
    sound different, none do.
    """
    left = list(groups)
    while len(left) > bounds.lowest:
        units = unit(np.stack(left))
        similarity = units @ units.T - 2 * np.eye(len(left))
        first, second = sorted(divmod(int(similarity.argmax()), len(left)))
        is_too_many = bounds.highest is not None and len(left) > bounds.highest
        if similarity[first, second] < _ALIKE and not is_too_many:
            break
        left[first] = left[first] + left.pop(second)
    return np.stack(left)
