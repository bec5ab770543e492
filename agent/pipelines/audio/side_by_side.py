"""Hears windows side by side, several times as quick on a GPU, and loses nothing by it.

A window whose decoder stops early is what the batched pipelines of the libraries lose: here what a
window left out goes into the next round, and one that loops is cut in two.

    speech ──packed──> windows of 28 s ──decoded together──┬─> text up to the end: kept
                          ^                                ├─> text that stops early: kept, and
                          └──── halves, or the rest ───────┴─> loops, or nothing at all
"""

from collections.abc import Callable, Iterator, Sequence

from agent.pipelines.audio.engines.engine import Engine, Request
from agent.pipelines.audio.guards import is_looping
from agent.pipelines.audio.sound import blocks
from agent.pipelines.errors import is_out_of_memory
from agent.pipelines.spoken.recording import Recording
from agent.pipelines.spoken.span import Span
from agent.pipelines.spoken.spans import Places, packed
from agent.pipelines.spoken.transcript import Segment

_WINDOW = 28.0
"""Seconds of one window: Whisper's 30, less what it may overlook."""
_MISSED = 1.0
"""Seconds of speech without a word that are worth another round."""
_LONG_PAUSE = 5.0
"""Seconds that no window needs to hold."""
_MARGIN = 0.2
"""Seconds around speech: sounds begin before they are loud."""
_ROUNDS = 4


def hear_side_by_side(
    engine: Engine,
    recording: Recording,
    speech: Sequence[Span],
    request: Request,
    *,
    batch_size: int,
    on_position: Callable[[float], None],
) -> list[Segment]:
    """Times are from the start of the recording; the order is that of the rounds."""
    batches = _Batches(engine, recording, request, batch_size)
    places = Places(speech)
    segments: list[Segment] = []
    todo = _windows(recording, speech)
    for _ in range(_ROUNDS):
        rest: list[Span] = []
        for window, found in batches.heard(todo):
            on_position(window.start)
            kept, missing = _judged(recording, window, found, places)
            segments += kept
            rest += missing
        todo = rest
    return segments


def _windows(recording: Recording, speech: Sequence[Span]) -> list[Span]:
    longest = _WINDOW - 2 * _MARGIN
    short = [part for one in speech for part in blocks(recording, one, longest)]
    tight = packed(short, longest, _LONG_PAUSE)
    # None reaches into its neighbour, or what is said there would be said twice.
    earliest = [0.0, *(one.end for one in tight)]
    latest = [*(one.start for one in tight[1:]), recording.duration]
    return [
        Span(max(before, one.start - _MARGIN), min(after, one.end + _MARGIN))
        for before, one, after in zip(earliest, tight, latest, strict=False)
    ]


class _Batches:
    """Decodes as many windows at once as there is memory for, which it may have to find out."""

    def __init__(
        self, engine: Engine, recording: Recording, request: Request, batch_size: int
    ) -> None:
        self._engine, self._recording, self._request = engine, recording, request
        self._size = batch_size

    def heard(self, windows: Sequence[Span]) -> Iterator[tuple[Span, tuple[Segment, ...]]]:
        done = 0
        while done < len(windows):
            batch = windows[done : done + self._size]
            parts = [self._recording.samples(window.start, window.end) for window in batch]
            try:
                found = self._engine.transcribe_together(parts, self._request)
            except RuntimeError as error:
                if self._size == 1 or not is_out_of_memory(error):
                    raise
                self._size = max(1, self._size // 2)
                continue
            for window, segments in zip(batch, found, strict=True):
                yield window, tuple(segment.shifted(window.start) for segment in segments)
            done += len(batch)


def _judged(
    recording: Recording, window: Span, found: Sequence[Segment], speech: Places
) -> tuple[Sequence[Segment], Sequence[Span]]:
    """What of a window's text is good, and which stretches have to be heard again."""
    if is_looping(" ".join(segment.text for segment in found)):
        return (), _halves(recording, window)
    reached = max((segment.end for segment in found), default=window.start)
    rest = Span(reached, window.end)
    unheard = sum(rest.overlap(one) for one in speech.within(rest))
    if unheard < _MISSED:
        return found, ()
    return found, _halves(recording, window) if reached <= window.start else (rest,)


def _halves(recording: Recording, window: Span) -> tuple[Span, ...]:
    if window.length < 2 * _MISSED:
        return ()
    return tuple(blocks(recording, window, window.length * 0.6))
