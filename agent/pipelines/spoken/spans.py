"""Arithmetic of stretches: what covers what, what is left over, and how to pack them."""

from bisect import bisect_right
from collections.abc import Iterable, Iterator, Sequence

from agent.pipelines.spoken.span import Span


def total(spans: Iterable[Span]) -> float:
    """Seconds; the spans do not overlap."""
    return sum(span.length for span in spans)


def united(spans: Iterable[Span], gap: float = 0.0) -> tuple[Span, ...]:
    """In order and without overlap; what lies closer together than `gap` becomes one."""
    result: list[Span] = []
    for span in sorted(spans, key=lambda one: (one.start, one.end)):
        if result and span.start - result[-1].end <= gap:
            result[-1] = Span(result[-1].start, max(result[-1].end, span.end))
        else:
            result.append(span)
    return tuple(result)


class Places:
    """Spans in order and without overlap, to be asked many times."""

    def __init__(self, spans: Sequence[Span]) -> None:
        self._spans = spans
        self._ends = [span.end for span in spans]

    def within(self, span: Span) -> Iterator[Span]:
        """Those that overlap `span`."""
        for number in range(bisect_right(self._ends, span.start), len(self._spans)):
            if self._spans[number].start >= span.end:
                return
            yield self._spans[number]

    def touched_by(self, span: Span) -> bool:
        return any(True for _ in self.within(span))


def uncovered(wanted: Iterable[Span], covering: Iterable[Span]) -> tuple[Span, ...]:
    """The parts of `wanted` (in order, no overlap) that `covering` leaves out."""
    covers = Places(united(covering))
    return tuple(rest for span in wanted for rest in _left_of(span, covers))


def _left_of(span: Span, covers: Places) -> Iterator[Span]:
    start = span.start
    for cover in covers.within(span):
        if cover.start > start:
            yield Span(start, cover.start)
        start = cover.end
    if start < span.end:
        yield Span(start, span.end)


def coverage(wanted: Sequence[Span], covering: Iterable[Span]) -> float:
    """The share of `wanted` that is covered, from 0 to 1; 1 where nothing is wanted."""
    whole = total(wanted)
    return 1.0 - total(uncovered(wanted, covering)) / whole if whole else 1.0


def packed(spans: Iterable[Span], longest: float, pause: float) -> tuple[Span, ...]:
    """Contiguous stretches that hold all of `spans`, cut between two of them.

    None holds a longer pause, or is longer than `longest` unless a span is.
    """
    result: list[Span] = []
    for span in spans:
        last = result[-1] if result else None
        if last and span.end - last.start <= longest and span.start - last.end <= pause:
            result[-1] = Span(last.start, span.end)
        else:
            result.append(span)
    return tuple(result)
