"""Decides which frames stand for a video; looks at no file, only at what was measured."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise

_PACE = 30.0
"""Seconds of a long scene for which one more key frame is worth having."""
_MOST_OF_ONE = 20
_DARK, _BRIGHT, _FLAT = 16.0, 240.0, 8.0
"""Of 255. Faded, black and blank frames stand for nothing."""
_EDGE = 0.15
"""Seconds after a cut in which a frame may still hold something of the scene before."""
_SHIFT = 0.25
"""Of the distance between two thumbnails: how far one may stand from its place."""


@dataclass(frozen=True, slots=True)
class Scene:
    start: float
    end: float

    @property
    def length(self) -> float:
        return self.end - self.start


@dataclass(frozen=True, slots=True)
class Candidate:
    """A frame that was looked at and is cheap to have."""

    time: float
    sharpness: float
    brightness: float
    contrast: float

    @property
    def is_blank(self) -> bool:
        return not _DARK <= self.brightness <= _BRIGHT or self.contrast < _FLAT


@dataclass(frozen=True, slots=True)
class Choice:
    time: float
    scene: int


IsDistinct = Callable[[Candidate, Candidate], bool]


def scenes_between(cuts: Sequence[float], duration: float) -> tuple[Scene, ...]:
    """They cover the whole video."""
    return tuple(Scene(start, end) for start, end in pairwise([0.0, *cuts, duration]))


def key_frames(
    scenes: Sequence[Scene], candidates: Sequence[Candidate], most: int, is_distinct: IsDistinct
) -> tuple[Choice, ...]:
    """The sharpest of each scene, and more of long ones; where `most` is less, of the longest."""
    longest = sorted(range(len(scenes)), key=lambda number: -scenes[number].length)[:most]
    firsts, more = [], []
    for number in longest:
        first, *others = _of_scene(scenes[number], candidates, is_distinct)
        firsts.append(Choice(first, number))
        more += [Choice(time, number) for time in others]
    return tuple(sorted([*firsts, *more][:most], key=lambda choice: choice.time))


def _of_scene(
    scene: Scene, candidates: Sequence[Candidate], is_distinct: IsDistinct
) -> tuple[float, ...]:
    inside = [one for one in candidates if scene.start + _EDGE <= one.time < scene.end]
    inside = inside or [one for one in candidates if scene.start <= one.time < scene.end]
    good = [one for one in inside if not one.is_blank]
    if not good:
        # Nothing that is cheap to have is worth it: perhaps what lies between is.
        return (scene.start + scene.length / 3,)
    count = min(_MOST_OF_ONE, 1 + int(scene.length / _PACE))
    chosen: list[Candidate] = []
    for part in _parts(scene, count):
        here = [one for one in good if part.start <= one.time < part.end]
        fresh = [one for one in here if all(is_distinct(one, other) for other in chosen)]
        chosen += [_sharpest(fresh)] if fresh else []
    return tuple(one.time for one in chosen) or (_sharpest(good).time,)


def _parts(scene: Scene, count: int) -> Iterable[Scene]:
    step = scene.length / count
    return (
        Scene(scene.start + number * step, scene.start + (number + 1) * step)
        for number in range(count)
    )


def _sharpest(candidates: Sequence[Candidate]) -> Candidate:
    return max(candidates, key=lambda one: one.sharpness)


def thumbnails(duration: float, candidates: Sequence[Candidate], count: int) -> tuple[float, ...]:
    """Evenly spaced, each at the nearest good frame that is cheap to have, if one is near."""
    step = duration / max(1, count)
    return tuple(_near((number + 0.5) * step, _SHIFT * step, candidates) for number in range(count))


def _near(wanted: float, reach: float, candidates: Sequence[Candidate]) -> float:
    near = [one for one in candidates if abs(one.time - wanted) <= reach]
    good = [one for one in near if not one.is_blank] or near
    return min((one.time for one in good), key=lambda time: abs(time - wanted), default=wanted)
