"""What a speech model imagines: text over silence, and loops. Pure functions on its segments."""

import zlib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace

from agent.pipelines.spoken.span import Span
from agent.pipelines.spoken.transcript import Segment

LOOPING = 2.4
"""Whisper's own bar: text that zlib shrinks more than that repeats itself."""
_MARGIN = 0.5
"""Seconds by which a model may place words beside the sound they are in."""
_LONGEST_PHRASE, _MOST_REPEATS, _SAME_SEGMENTS = 8, 4, 3
_SHORTEST_LOOP = 60
"""Characters: below, compression says nothing."""


def compression(text: str) -> float:
    raw = text.strip().encode()
    return len(raw) / len(zlib.compress(raw)) if raw else 0.0


def is_looping(text: str) -> bool:
    return len(text) >= _SHORTEST_LOOP and compression(text) > LOOPING


def spoken(segments: Iterable[Segment], speech: Sequence[Span]) -> Iterator[Segment]:
    """Without those over which nobody was heard speaking ("Thanks for watching!")."""
    for segment in segments:
        wide = Span(segment.start - _MARGIN, segment.end + _MARGIN)
        if any(wide.overlap(span) for span in speech):
            yield segment


def without_loops(segments: Iterable[Segment]) -> Iterator[Segment]:
    """A phrase that comes again and again is kept twice, a segment that does once."""
    row: list[str] = []
    for segment in segments:
        text = segment.text.strip().lower()
        row = [*row, text] if row and row[-1] == text else [text]
        if len(row) <= _SAME_SEGMENTS:
            yield _unlooped(segment)


def _unlooped(segment: Segment) -> Segment:
    words = segment.text.split()
    kept = _kept(words)
    if len(kept) == len(words):
        return segment
    timed = segment.words if len(segment.words) == len(words) else ()
    return replace(
        segment,
        text=" ".join(words[number] for number in kept),
        words=tuple(timed[number] for number in kept) if timed else (),
    )


def _kept(words: Sequence[str]) -> list[int]:
    """The numbers of the words without the repeats of a loop."""
    plain = [word.lower().strip(".,!?;:") for word in words]
    kept: list[int] = []
    at = 0
    while at < len(words):
        length, times = _repeats(plain, at)
        if times > _MOST_REPEATS:
            kept += range(at, at + 2 * length)
            at += times * length
        else:
            kept.append(at)
            at += 1
    return kept


def _repeats(words: Sequence[str], at: int) -> tuple[int, int]:
    """The phrase that is said most often in a row from here on: its length, and how often."""
    best = (1, 1)
    for length in range(1, _LONGEST_PHRASE + 1):
        phrase, times = words[at : at + length], 1
        while words[at + times * length : at + (times + 1) * length] == phrase:
            times += 1
        if times * length > best[0] * best[1] and times > best[1]:
            best = (length, times)
    return best
