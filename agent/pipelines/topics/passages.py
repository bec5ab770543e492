"""Gathers the segments of a transcript into passages that say enough to be compared."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from agent.pipelines.spoken.transcript import Segment

_FEWEST, _MOST = 8, 40
"""Words: a passage ends with a sentence once it has the fewest, and anywhere at the most."""
_ENDS = (".", "!", "?", "…", '."', '!"', '?"')


@dataclass(frozen=True, slots=True)
class Passage:
    """From `start` to `end` seconds; about a sentence."""

    start: float
    end: float
    text: str


def passages(segments: Iterable[Segment]) -> Iterator[Passage]:
    """Every segment is in exactly one, in order."""
    waiting: list[Segment] = []
    words = 0
    for segment in segments:
        waiting.append(segment)
        words += len(segment.text.split())
        is_sentence = segment.text.rstrip().endswith(_ENDS)
        if words >= _MOST or (is_sentence and words >= _FEWEST):
            yield _passage(waiting)
            waiting, words = [], 0
    if waiting:
        yield _passage(waiting)


def _passage(segments: list[Segment]) -> Passage:
    text = " ".join(segment.text.strip() for segment in segments)
    return Passage(segments[0].start, segments[-1].end, text)
