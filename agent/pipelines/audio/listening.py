"""Hears a whole recording: stretch after stretch, then again where words are missing or loop."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

from agent.pipelines.audio.engines.engine import Engine, Request
from agent.pipelines.audio.guards import believable, is_echo, is_looping, loops
from agent.pipelines.audio.side_by_side import hear_side_by_side
from agent.pipelines.audio.sound import blocks
from agent.pipelines.spoken.recording import Recording
from agent.pipelines.spoken.span import Span
from agent.pipelines.spoken.spans import uncovered, united
from agent.pipelines.spoken.transcript import Segment

OnPosition = Callable[[float], None]

_CARRIED = 200
"""Characters of the text so far that the next block's engine sees, for names and style."""
_LONG_PAUSE, _AROUND = 20.0, 1.0
"""Seconds: a longer pause is skipped, all but its edges."""
_MISSED = 1.0
"""Seconds of speech without a word that are worth a second look."""
_MARGIN = 0.2
"""Seconds around a second look: sounds begin before they are loud."""


@dataclass(frozen=True, slots=True)
class Listener:
    """One recording, and how to hear it."""

    engine: Engine
    recording: Recording
    request: Request
    batch_size: int

    def listen(
        self, speech: Sequence[Span], within: Sequence[Span], on_position: OnPosition
    ) -> tuple[Segment, ...]:
        """Segments in order, times from the start of the recording.

        Words count only `within` those spans; what of `speech` has none is heard again.
        """
        if self.batch_size > 1:
            found = hear_side_by_side(
                self.engine,
                self.recording,
                within,
                self.request,
                batch_size=self.batch_size,
                on_position=on_position,
            )
        else:
            found = self._hear_in_order(within, on_position)
        again = _SecondLook(self.engine, self.recording, self.request, on_position)
        heard = again.at_loops(_in_order(believable(found, within)))
        missed = [gap for gap in uncovered(speech, _spans(heard)) if gap.length >= _MISSED]
        more = [segment for gap in missed for segment in again.at_gap(gap, heard)]
        return _in_order([*believable(heard, within), *more])

    def _hear_in_order(self, within: Sequence[Span], on_position: OnPosition) -> list[Segment]:
        """The most faithful way, and on a processor as quick as any."""
        segments: list[Segment] = []
        for stretch in _stretches(self.recording, within):
            for block in blocks(self.recording, stretch):
                on_position(block.start)
                prompt = _tail(segments) or self.request.initial_prompt
                found = self.engine.transcribe(
                    self.recording.samples(block.start, block.end),
                    replace(self.request, initial_prompt=prompt),
                    _from(block.start, on_position),
                )
                segments += (segment.shifted(block.start) for segment in found)
        return segments


def _in_order(segments: Iterable[Segment]) -> tuple[Segment, ...]:
    return tuple(sorted(segments, key=lambda segment: segment.start))


def _spans(segments: Iterable[Segment]) -> tuple[Span, ...]:
    return tuple(Span(segment.start, segment.end) for segment in segments)


def _stretches(recording: Recording, speech: Sequence[Span]) -> tuple[Span, ...]:
    """All of the recording but its long pauses."""
    return tuple(
        Span(max(0.0, one.start - _AROUND), min(recording.duration, one.end + _AROUND))
        for one in united(speech, _LONG_PAUSE)
    )


def _from(start: float, on_position: OnPosition) -> OnPosition:
    return lambda seconds: on_position(start + seconds)


def _tail(segments: Sequence[Segment]) -> str:
    text = " ".join(segment.text.strip() for segment in segments[-10:])
    if is_looping(text):
        return ""  # or the next block would go on with it
    return text[-_CARRIED:].partition(" ")[2] if len(text) > _CARRIED else text


@dataclass(frozen=True, slots=True)
class _SecondLook:
    """Hears a stretch by itself, without the text before it and with all of the ladder."""

    engine: Engine
    recording: Recording
    request: Request
    on_position: OnPosition
    """It is told of no new position, but a sign of life it is."""

    def at_loops(self, segments: Sequence[Segment]) -> tuple[Segment, ...]:
        """What still loops then stays: trimming it is another's."""
        result: list[Segment] = []
        done = 0
        for first, after in loops(segments):
            again = tuple(self._hear(Span(segments[first].start, segments[after - 1].end)))
            is_better = bool(again) and not any(loops(again))
            result += segments[done:first]
            result += again if is_better else segments[first:after]
            done = after
        return (*result, *segments[done:])

    def at_gap(self, gap: Span, heard: Sequence[Segment]) -> Iterator[Segment]:
        """What no window had room for, or gave up on."""
        neighbours = " ".join(segment.text for segment in heard if _is_near(segment, gap))
        wide = Span(max(0.0, gap.start - _MARGIN), min(self.recording.duration, gap.end + _MARGIN))
        found = list(believable(self._hear(wide), [gap]))
        if not any(loops(found)):
            yield from (one for one in found if not is_echo(one.text, neighbours))

    def _hear(self, stretch: Span) -> Iterator[Segment]:
        for block in blocks(self.recording, stretch):
            samples = self.recording.samples(block.start, block.end)
            self.on_position(0.0)
            for segment in self.engine.transcribe(samples, self.request, lambda _seconds: None):
                yield segment.shifted(block.start)


def _is_near(segment: Segment, gap: Span) -> bool:
    return segment.end > gap.start - _LONG_PAUSE and segment.start < gap.end + _LONG_PAUSE
