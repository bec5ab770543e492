"""Puts lines of text into the order in which a person reads them.

    gutter     the tallest strip of nothing with text on both sides
     ├── prose on both sides, or rows that do not match:  what is left of it, then what is right
     └── else it is a table, or a form:                   row by row
    above and below a gutter, the same again

All of it works on places that are turned and mirrored first, so that text runs rightwards and rows
follow downwards: pages that are askew, scripts that run leftwards, and columns of Chinese alike.
"""

import unicodedata
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from statistics import median

from agent.pipelines.ocr.engine import Box, Line

_GUTTER = 0.8
"""Of a line's height: the least width of a gutter. A space between words is a third."""
_COLUMN = 2
"""Lines: the fewest that make a column."""
_PROSE_WIDTH = 6.0
"""Times its height: the least width of a line of prose, in the median. About 17 letters."""
_PROSE_FILL = 0.6
"""Of its column's width."""
_MATCHING = 0.7
"""The share of the rows of one side that have one beside them, from which on it may be a table."""
_LEAST_GAP, _USUAL_GAPS, _LARGEST_GAP = 0.5, 1.6, 1.5
"""A paragraph ends at a gap of half a line's height, if gaps are usually smaller; or of 1.5."""
_OTHER_SIZE = 1.4
"""How much higher or lower a line is that belongs to another paragraph: a heading, a note."""
_WIDE_SPACE = "  "
"""Between cells: what stands far apart stays told apart."""


@dataclass(frozen=True, slots=True)
class _Placed:
    line: Line
    box: Box


def as_paragraphs(lines: Sequence[Line]) -> tuple[str, ...]:
    """In reading order. Rows are kept as lines; the cells of one stand two spaces apart."""
    paragraphs = []
    for block in _blocks(_placed(lines)):
        paragraphs += ["\n".join(map(_row_text, rows)) for rows in _paragraphs(_rows(block))]
    return tuple(paragraphs)


def in_reading_order(lines: Sequence[Line]) -> tuple[Line, ...]:
    blocks = _blocks(_placed(lines))
    return tuple(placed.line for block in blocks for row in _rows(block) for placed in row)


def _placed(lines: Sequence[Line]) -> list[_Placed]:
    straight = [_Placed(line, box) for line, box in zip(lines, _straightened(lines), strict=True)]
    if _runs_down(lines):
        return [_Placed(one.line, _turned(one.box)) for one in straight]
    if _runs_left(lines):
        return [_Placed(one.line, _mirrored(one.box)) for one in straight]
    return straight


def _straightened(lines: Sequence[Line]) -> Iterator[Box]:
    """Without the slope that the page as a whole has."""
    slopes = [line.slope for line in lines if line.box.width > line.box.height]
    slope = median(slopes) if slopes else 0.0
    for line in lines:
        box = line.box
        rise = slope * (box.left + box.right) / 2
        half = max(0.3 * box.height, (box.height - abs(slope) * box.width) / 2)
        yield Box(box.left, box.middle - rise - half, box.right, box.middle - rise + half)


def _runs_down(lines: Sequence[Line]) -> bool:
    tall = [line for line in lines if len(line.text) > 1 and line.box.height > 2 * line.box.width]
    return 2 * len(tall) > len(lines)


def _turned(box: Box) -> Box:
    """Columns from right to left become rows from top to bottom."""
    return Box(box.top, -box.right, box.bottom, -box.left)


def _runs_left(lines: Sequence[Line]) -> bool:
    kinds = [unicodedata.bidirectional(character) for line in lines for character in line.text]
    return sum(kind in {"R", "AL"} for kind in kinds) > kinds.count("L")


def _mirrored(box: Box) -> Box:
    return Box(-box.right, box.top, -box.left, box.bottom)


def _blocks(lines: Sequence[_Placed]) -> Iterator[Sequence[_Placed]]:
    """Each is read row by row."""
    gutter = _best_gutter(lines)
    if gutter is None or not _parts_columns(gutter):
        yield from ([lines] if lines else [])
        return
    for part in (gutter.above, gutter.left, gutter.right, gutter.below):
        yield from _blocks(part)


@dataclass(frozen=True, slots=True)
class _Gutter:
    above: Sequence[_Placed]
    left: Sequence[_Placed]
    right: Sequence[_Placed]
    below: Sequence[_Placed]

    @property
    def worth(self) -> int:
        return min(len(self.left), len(self.right))


def _best_gutter(lines: Sequence[_Placed]) -> _Gutter | None:
    if len(lines) < 2 * _COLUMN:
        return None
    least = _GUTTER * median(one.box.height for one in lines)
    ordered = sorted(lines, key=lambda one: (one.box.middle, one.box.left))
    best: _Gutter | None = None
    for start in sorted({one.box.right for one in lines}):
        for gutter in _gutters_at(ordered, start, start + least):
            if best is None or gutter.worth > best.worth:
                best = gutter
    return best if best is not None and best.worth >= _COLUMN else None


def _gutters_at(lines: Sequence[_Placed], start: float, end: float) -> Iterator[_Gutter]:
    """Between any two lines that cross the strip, and before the first and after the last."""
    crossing = [
        number for number, one in enumerate(lines) if one.box.left < end and one.box.right > start
    ]
    edges = [-1, *crossing, len(lines)]
    for before, after in pairwise(edges):
        within = lines[before + 1 : after]
        left = [one for one in within if one.box.right <= start]
        if left and len(left) < len(within):
            right = [one for one in within if one.box.left >= end]
            yield _Gutter(lines[: before + 1], left, right, lines[after:])


def _parts_columns(gutter: _Gutter) -> bool:
    if _matching(gutter.left, gutter.right) < _MATCHING:
        return True
    return _is_prose(gutter.left) and _is_prose(gutter.right)


def _matching(one: Sequence[_Placed], other: Sequence[_Placed]) -> float:
    """The share of the rows of the shorter side that have a row of the other beside them."""
    few, many = sorted((one, other), key=len)
    beside = [
        any(abs(a.box.middle - b.box.middle) < 0.4 * min(a.box.height, b.box.height) for b in many)
        for a in few
    ]
    return sum(beside) / len(beside)


def _is_prose(lines: Sequence[_Placed]) -> bool:
    """Whether each of the columns among them is full of text."""
    return all(_is_full(column) for column in _columns(lines))


def _columns(lines: Sequence[_Placed]) -> Iterator[list[_Placed]]:
    column: list[_Placed] = []
    edge = 0.0
    for one in sorted(lines, key=lambda one: one.box.left):
        if column and one.box.left > edge:
            yield column
            column = []
        edge = max(edge, one.box.right) if column else one.box.right
        column.append(one)
    yield column


def _is_full(column: Sequence[_Placed]) -> bool:
    left, right = min(one.box.left for one in column), max(one.box.right for one in column)
    width = median(one.box.width for one in column)
    height = median(one.box.height for one in column)
    return width > _PROSE_WIDTH * height and width > _PROSE_FILL * (right - left)


def _rows(lines: Iterable[_Placed]) -> list[list[_Placed]]:
    """From top to bottom, each from left to right."""
    rows: list[list[_Placed]] = []
    for one in sorted(lines, key=lambda one: (one.box.middle, one.box.left)):
        if rows and _is_beside(one.box, rows[-1][0].box):
            rows[-1].append(one)
        else:
            rows.append([one])
    return [sorted(row, key=lambda one: one.box.left) for row in rows]


def _is_beside(one: Box, first: Box) -> bool:
    return one.middle - first.middle < 0.5 * min(one.height, first.height)


def _paragraphs(rows: Sequence[list[_Placed]]) -> Iterator[list[list[_Placed]]]:
    boxes = [_around(row) for row in rows]
    gaps = [below.top - above.bottom for above, below in pairwise(boxes)]
    usual = _USUAL_GAPS * median(gaps) if gaps else 0.0
    paragraph: list[list[_Placed]] = []
    for number, row in enumerate(rows):
        if paragraph and _is_break(boxes[number - 1], boxes[number], usual):
            yield paragraph
            paragraph = []
        paragraph.append(row)
    if paragraph:
        yield paragraph


def _around(row: Sequence[_Placed]) -> Box:
    """The row's place, as high as its lines usually are."""
    middle, half = median(one.box.middle for one in row), median(one.box.height for one in row) / 2
    return Box(row[0].box.left, middle - half, row[-1].box.right, middle + half)


def _is_break(above: Box, below: Box, usual_gap: float) -> bool:
    low, high = sorted((above.height, below.height))
    gap = below.top - above.bottom
    allowed = min(max(_LEAST_GAP * low, usual_gap), _LARGEST_GAP * low)
    return high > _OTHER_SIZE * low or gap > allowed


def _row_text(row: Sequence[_Placed]) -> str:
    text = row[0].line.text
    for before, after in pairwise(row):
        height = min(before.box.height, after.box.height)
        is_wide = after.box.left - before.box.right > _GUTTER * height
        text += (_WIDE_SPACE if is_wide else " ") + after.line.text
    return text
