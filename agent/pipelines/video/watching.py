"""Finds the cuts of a video: asks `scenes` of every gap, and decodes what it wants to see."""

from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from itertools import pairwise

import numpy as np

from agent.pipelines.video.looking import Glance, change, distance, moved
from agent.pipelines.video.sampling import Survey
from agent.pipelines.video.scenes import (
    ALIKE,
    CUT,
    DIFFERENT,
    FLASH,
    CutAt,
    Gap,
    Jump,
    LookInside,
    Nothing,
    Step,
    cuts_among,
    jumps,
    off_beat,
    settled,
    verdict,
)

_INSTANT = 1e-6
_MOST_PIXELS = 3e11
"""Decoded, in all: 150,000 frames of 1080p, seven minutes of one core's time."""
_DAZZLING = 30.0
"""Of 255."""
_NEAR = 4
_FEW = 2000
"""Frames of a video that is looked at wholly, since that costs next to nothing."""
_LONGEST_TAIL = 20.0
"""Seconds after the last key frame that are looked at without any suspicion."""


See = Callable[[float], Iterator[Glance]]
"""Every frame from the key frame at or before a moment, in seconds, to the end."""


class Watcher:
    """Finds the cuts of one video."""

    def __init__(self, see: See, found: Survey, pixels: int) -> None:
        """`pixels` are those of one frame."""
        self._see = see
        self._most_decoded = _MOST_PIXELS / max(1, pixels)
        self._packets = _Packets(found)
        self._samples = [sample.glance for sample in found.samples]
        self._duration = found.duration
        self._is_short = len(found.times) <= _FEW
        self.decoded = 0
        """Frames that had to be looked at."""

    def cuts(self) -> tuple[float, ...]:
        if not self._samples:
            return ()
        found: list[float] = []
        one = self._samples[0]
        for other in self._samples[1:]:
            if self._is_flash(one, other):
                other = replace(one, time=other.time)  # noqa: PLW2901 - seen without it
            found += self._cuts_between(one, other)
            one = other
        return settled([*found, *self._cuts_after(one)], self._duration)

    def _is_flash(self, before: Glance, odd: Glance) -> bool:
        """A flash makes encoders place a key frame, too; but soon all is as it was."""
        if distance(before, odd) < DIFFERENT or odd.brightness - before.brightness < _DAZZLING:
            return False
        soon = self._seen_between(odd.time, odd.time + FLASH)
        return any(distance(before, seen) < ALIKE for seen in soon)

    def _cuts_between(self, one: Glance, other: Glance) -> Iterator[float]:
        """Halves the gap at its key frames until none is left inside, or its ends are alike."""
        inner = self._packets.keys_between(one.time, other.time)
        if inner and max(distance(one, other), moved(one, other)) >= ALIKE:
            middle = next(self._seen_between(inner[len(inner) // 2] - _INSTANT, other.time), None)
            if middle is not None and one.time < middle.time < other.time:
                yield from self._cuts_between(one, middle)
                yield from self._cuts_between(middle, other)
                return
        gap = self._packets.gap(one, other)
        match LookInside(gap.end) if self._is_short else verdict(gap):
            case Nothing():
                return
            case CutAt(time):
                yield time
            case LookInside(least):
                yield from self._looked(one, other, least)

    def _looked(self, one: Glance, other: Glance, least: float) -> tuple[float, ...]:
        seen = [one]
        for each in self._seen_between(one.time, other.time + FLASH):
            seen.append(each)
            if each.time > least + FLASH and distance(each, other) < ALIKE:
                break
        cuts = cuts_among(steps(seen))
        return tuple(cut for cut in cuts if one.time < cut <= other.time + _INSTANT)

    def _cuts_after(self, last: Glance) -> tuple[float, ...]:
        """Behind the last key frame there is no other one to compare with."""
        end = self._packets.last_suspicion(last.time)
        if self._duration - last.time <= _LONGEST_TAIL:
            end = self._duration
        return cuts_among(steps([last, *self._seen_between(last.time, end + FLASH)]))

    def _seen_between(self, start: float, end: float) -> Iterator[Glance]:
        """After `start`, up to `end`."""
        if end <= start or self.decoded >= self._most_decoded:
            return
        for seen in self._see(start):
            self.decoded += 1
            if seen.time > end or self.decoded > self._most_decoded:
                return
            if seen.time > start:
                yield seen


def steps(seen: Sequence[Glance]) -> tuple[Step, ...]:
    times = [each.time for each in seen]
    changes = [change(before, after) for before, after in pairwise(seen)]
    return tuple(
        Step(
            times[place + 1],
            height,
            _around(changes, place),
            _across(seen, times, place + 1) if height >= CUT else height,
        )
        for place, height in enumerate(changes)
    )


def _around(changes: Sequence[float], place: int) -> float:
    near = [*changes[max(0, place - _NEAR) : place], *changes[place + 1 : place + 1 + _NEAR]]
    return sum(near) / len(near) if near else 0.0


def _across(seen: Sequence[Glance], times: Sequence[float], place: int) -> float:
    """From what was before a step to what is after it, flashes left out."""
    before = seen[bisect_left(times, times[place - 1] - FLASH) : place]
    after = seen[place : bisect_right(times, times[place] + FLASH)]
    return min(change(earlier, later) for earlier in before for later in after)


class _Packets:
    """What the sizes and the key frames of a whole file say."""

    def __init__(self, found: Survey) -> None:
        times = np.array(found.times, np.float64)
        order = np.argsort(times, kind="stable")
        self._times = times[order]
        self._sizes = np.array(found.sizes, np.float64)[order]
        self._is_key = np.array(found.keys, np.bool_)[order]
        self._keys: list[float] = self._times[self._is_key].tolist()
        self._is_off_beat = off_beat(self._keys)

    def keys_between(self, start: float, end: float) -> list[float]:
        first = bisect_right(self._keys, start + _INSTANT)
        return self._keys[first : bisect_left(self._keys, end - _INSTANT)]

    def gap(self, one: Glance, other: Glance) -> Gap:
        key = min(bisect_left(self._keys, other.time - _INSTANT), len(self._keys) - 1)
        return Gap(
            one.time,
            other.time,
            distance(one, other),
            moved(one, other),
            self._jumps(one.time, other.time),
            self._is_off_beat[key],
        )

    def last_suspicion(self, start: float) -> float:
        """The time of the last jump after `start`, or `start`."""
        found = self._jumps(start, float(self._times[-1]) + 1.0)
        return max((jump.time for jump in found), default=start)

    def _jumps(self, start: float, end: float) -> tuple[Jump, ...]:
        first, last = np.searchsorted(self._times, (start + _INSTANT, end - _INSTANT)).tolist()
        plain = ~self._is_key[first:last]
        return jumps(self._times[first:last][plain].tolist(), self._sizes[first:last][plain])
