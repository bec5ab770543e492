"""Hears a whole recording: stretch after stretch through the engine, and whatever was missed."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace

from agent.pipelines.audio.engines.engine import Engine, Request
from agent.pipelines.audio.guards import is_looping, spoken
from agent.pipelines.audio.sound import LONGEST_BLOCK, blocks
from agent.pipelines.spoken.recording import Recording
from agent.pipelines.spoken.span import Span
from agent.pipelines.spoken.spans import packed, split, uncovered, united
from agent.pipelines.spoken.transcript import Segment

OnPosition = Callable[[float], None]

_CARRIED = 200
"""Characters of the text so far that the next block's engine sees, for names and style."""
_LONG_PAUSE, _AROUND = 20.0, 1.0
"""Seconds: a longer pause is skipped, all but its edges."""
_WINDOW = 28.0
"""Seconds of one part that is decoded with others: Whisper's 30 s, less what it may overlook."""
_MISSED = 1.0
"""Seconds of speech without a word that are worth a second look."""
_ROUNDS = 4


def listen(
    engine: Engine,
    recording: Recording,
    speech: Sequence[Span],
    request: Request,
    *,
    batch_size: int,
    on_position: OnPosition,
) -> tuple[Segment, ...]:
    """Segments in order, times from the start of the recording, nothing where nobody speaks."""
    if batch_size > 1:
        segments = _side_by_side(engine, recording, speech, request, batch_size, on_position)
    else:
        segments = _one_after_the_other(engine, recording, speech, request, on_position)
    heard = list(spoken(segments, speech))
    for gap in uncovered(speech, _spans(heard)):
        if gap.length >= _MISSED:
            heard += spoken(_again(engine, recording, gap, request), [gap])
    return tuple(sorted(heard, key=lambda segment: segment.start))


def _spans(segments: Sequence[Segment]) -> tuple[Span, ...]:
    return tuple(Span(segment.start, segment.end) for segment in segments)


def _one_after_the_other(
    engine: Engine,
    recording: Recording,
    speech: Sequence[Span],
    request: Request,
    on_position: OnPosition,
) -> list[Segment]:
    """The most faithful way, and on a processor as quick as any."""
    segments: list[Segment] = []
    for stretch in _stretches(recording, speech):
        for start, samples in blocks(recording, stretch, LONGEST_BLOCK):
            on_position(start)
            prompt = _tail(segments) or request.initial_prompt
            found = engine.transcribe(
                samples, replace(request, initial_prompt=prompt), _from(start, on_position)
            )
            segments += (segment.shifted(start) for segment in found)
    return segments


def _stretches(recording: Recording, speech: Sequence[Span]) -> tuple[Span, ...]:
    """All of the recording but its long pauses."""
    whole = Span(0.0, recording.duration)
    return tuple(
        Span(max(whole.start, one.start - _AROUND), min(whole.end, one.end + _AROUND))
        for one in united(speech, _LONG_PAUSE)
    )


def _from(start: float, on_position: OnPosition) -> OnPosition:
    return lambda seconds: on_position(start + seconds)


def _tail(segments: Sequence[Segment]) -> str:
    text = " ".join(segment.text.strip() for segment in segments[-10:])
    return text[-_CARRIED:].partition(" ")[2] if len(text) > _CARRIED else text


def _side_by_side(
    engine: Engine,
    recording: Recording,
    speech: Sequence[Span],
    request: Request,
    batch_size: int,
    on_position: OnPosition,
) -> list[Segment]:
    """Several times as quick on a GPU. What a part leaves out goes into the next round."""
    segments: list[Segment] = []
    todo = packed(speech, _WINDOW)
    for _ in range(_ROUNDS):
        rest: list[Span] = []
        for first in range(0, len(todo), batch_size):
            batch = todo[first : first + batch_size]
            on_position(batch[0].start)
            parts = [recording.samples(span.start, span.end) for span in batch]
            for span, found in zip(batch, engine.transcribe_together(parts, request), strict=True):
                kept, missing = _judged(span, [one.shifted(span.start) for one in found], speech)
                segments += kept
                rest += missing
        todo = tuple(rest)
    return segments


def _judged(
    span: Span, found: Sequence[Segment], speech: Sequence[Span]
) -> tuple[Sequence[Segment], Sequence[Span]]:
    """What of a part's text is good, and which stretches have to be heard again."""
    if is_looping(" ".join(segment.text for segment in found)):
        return (), _halves(span)
    reached = max((segment.end for segment in found), default=span.start)
    rest = Span(reached, span.end)
    unheard = sum(rest.overlap(one) for one in speech)
    if unheard < _MISSED:
        return found, ()
    return found, _halves(span) if reached <= span.start else (rest,)


def _halves(span: Span) -> tuple[Span, ...]:
    return split(span, span.length / 2) if span.length >= 2 * _MISSED else ()


def _again(engine: Engine, recording: Recording, gap: Span, request: Request) -> Iterator[Segment]:
    """Once more by itself: what no window had room for, or gave up on."""
    for part in split(gap, LONGEST_BLOCK):
        samples = recording.samples(part.start, part.end)
        for segment in engine.transcribe(samples, request, lambda _seconds: None):
            yield segment.shifted(part.start)
