"""Gives words and segments the names of those who spoke them."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import chain, groupby, pairwise

from agent.pipelines.diarization.turns import Turn
from agent.pipelines.spoken.span import Span
from agent.pipelines.spoken.transcript import Segment, Word

_NEAR_S = 2.0
"""A word that no turn covers belongs to the nearest within that many seconds, or to nobody."""


class _Turns:
    """Answers who speaks in a stretch of time; asked in order, it looks at each turn about once."""

    def __init__(self, turns: Sequence[Turn]) -> None:
        self._turns = sorted(turns, key=lambda turn: turn.start)
        self._first = 0

    def speaker_in(self, span: Span) -> str | None:
        """Who speaks most in `span`, or nearest to it. Spans must come in order of their start."""
        candidates = list(self._near(span))
        if not candidates:
            return None
        spoken: dict[str, float] = {}
        for turn in candidates:
            covered = span.overlap(Span(turn.start, turn.end))
            spoken[turn.speaker] = spoken.get(turn.speaker, 0.0) + covered
        best = max(spoken, key=lambda speaker: spoken[speaker])
        if spoken[best] > 0:
            return best
        return min(candidates, key=lambda turn: _distance(span, turn)).speaker

    def _near(self, span: Span) -> Iterator[Turn]:
        turns = self._turns
        while self._first < len(turns) and turns[self._first].end < span.start - _NEAR_S:
            self._first += 1
        for turn in turns[self._first :]:
            if turn.start > span.end + _NEAR_S:
                return
            if _distance(span, turn) <= _NEAR_S:
                yield turn


def attributed(segments: Sequence[Segment], turns: Sequence[Turn]) -> tuple[Segment, ...]:
    """The same words in the same order, each with its speaker; without turns, nothing changes.

    A segment in which the speaker changes becomes several where its words have times.
    """
    if not turns:
        return tuple(segments)
    by_word, by_segment = _Turns(turns), _Turns(turns)
    result: list[Segment] = []
    for segment in segments:
        if segment.words:
            result += _by_words(segment, by_word)
        else:
            speaker = by_segment.speaker_in(Span(segment.start, segment.end))
            result.append(replace(segment, speaker=speaker))
    return tuple(result)


def _by_words(segment: Segment, turns: _Turns) -> Iterator[Segment]:
    speakers = [turns.speaker_in(Span(word.start, word.end)) for word in segment.words]
    words = [
        replace(word, speaker=speaker)
        for word, speaker in zip(segment.words, _without_islands(speakers), strict=True)
    ]
    parts = [list(part) for _, part in groupby(words, key=lambda word: word.speaker)]
    if len(parts) == 1:
        yield replace(segment, words=tuple(words), speaker=words[0].speaker)
        return
    yield from _cut(segment, parts)


def _without_islands(speakers: Sequence[str | None]) -> list[str | None]:
    """A single word between two of one other speaker is theirs: nobody says one word so."""
    smooth = list(speakers)
    for place in range(1, len(smooth) - 1):
        if smooth[place - 1] == speakers[place + 1] is not None:
            smooth[place] = speakers[place + 1]
    return smooth


def _cut(segment: Segment, parts: Sequence[Sequence[Word]]) -> Iterator[Segment]:
    """One segment per part, its text as it was written: not every script puts spaces between."""
    places = [_place(segment.text, parts[:number]) for number in range(1, len(parts))]
    edges = [0, *places, len(segment.text)]
    for words, (first, last) in zip(parts, pairwise(edges), strict=True):
        text = segment.text[first:last].strip()
        yield Segment(words[0].start, words[-1].end, text, tuple(words), words[0].speaker)


def _place(text: str, before: Sequence[Sequence[Word]]) -> int:
    """Where in `text` the words of the parts `before` end."""
    place = 0
    for word in chain.from_iterable(before):
        bare = word.text.strip()
        found = text.find(bare, place)
        place = place if found < 0 else found + len(bare)
    return place


def _distance(span: Span, turn: Turn) -> float:
    return max(0.0, turn.start - span.end, span.start - turn.end)
