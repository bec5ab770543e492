"""Arithmetic of stretches: what covers what, what is left over, and how to pack them."""

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


def uncovered(wanted: Sequence[Span], covering: Iterable[Span]) -> tuple[Span, ...]:
    """The parts of `wanted` (in order, no overlap) that `covering` leaves out."""
    covers = united(covering)
    return tuple(rest for span in wanted for rest in _left_of(span, covers))


def _left_of(span: Span, covers: Sequence[Span]) -> Iterator[Span]:
    start = span.start
    for cover in covers:
        if cover.end <= start or cover.start >= span.end:
            continue
        if cover.start > start:
            yield Span(start, cover.start)
        start = cover.end
    if start < span.end:
        yield Span(start, span.end)


def coverage(wanted: Sequence[Span], covering: Iterable[Span]) -> float:
    """The share of `wanted` that is covered, from 0 to 1; 1 where nothing is wanted."""
    whole = total(wanted)
    return 1.0 - total(uncovered(wanted, covering)) / whole if whole else 1.0


def packed(spans: Sequence[Span], longest: float) -> tuple[Span, ...]:
    """Contiguous stretches of at most `longest` seconds that hold all of `spans`.

    They are cut between two spans where that is possible; a longer span is cut in equal parts.
    """
    result: list[Span] = []
    for span in (part for one in spans for part in split(one, longest)):
        if result and span.end - result[-1].start <= longest:
            result[-1] = Span(result[-1].start, span.end)
        else:
            result.append(span)
    return tuple(result)


def split(span: Span, longest: float) -> tuple[Span, ...]:
    """Equal parts, none of them longer than `longest` seconds."""
    count = max(1, -int(-span.length // longest))
    step = span.length / count
    ends = [span.start + step * number for number in range(1, count)] + [span.end]
    return tuple(Span(start, end) for start, end in zip([span.start, *ends], ends, strict=False))
