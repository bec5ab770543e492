"""Joins the lines of a column into headings, list items, paragraphs and tables."""

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from statistics import median
from typing import TypeAlias

from agent.pipelines.document.pdf.grids import grid_at
from agent.pipelines.document.pdf.lines import Line
from agent.pipelines.document.pdf.marks import as_item, begins_item, begins_section, plain

_LARGER = 1.12
"""Times the size of running text: a heading's."""
_LONGEST_HEADING = 200
_DEEPEST_HEADING = 5
_HEADING_PITCH = 1.45
"""Sizes of the type from line to line within one heading, at most."""
_USUAL_PITCH, _WIDER = 1.2, 1.25
"""Sizes of the type from line to line; and how many times that there is between paragraphs."""
_INDENT = 0.8
_SHORT = 0.85
"""Of the column's width: a line that ends before that may be the last of its paragraph."""
_BROKEN_WORD = re.compile(r"(?<=[^\W\d_])[-\u00ad]$")


@dataclass(frozen=True, slots=True)
class Heading:
    text: str
    size: float


@dataclass(frozen=True, slots=True)
class Paragraph:
    text: str


@dataclass(frozen=True, slots=True)
class Grid:
    rows: list[list[str]]


Block: TypeAlias = Heading | Paragraph | Grid


@dataclass(frozen=True, slots=True)
class Type:
    """How a document sets its text; sizes in points."""

    body: float
    headings: tuple[float, ...]
    """The largest first."""
    has_tables: bool = True
    """Words that stand below one another are looked at as columns."""

    def is_larger(self, size: float) -> bool:
        return size >= _LARGER * self.body

    def level(self, size: float) -> int:
        """1 for the largest; what is only bold comes below all that are larger."""
        rank = sum(size < other for other in self.headings)
        return min(1 + rank, _DEEPEST_HEADING)


def type_of(lines: Iterable[Line], *, has_tables: bool) -> Type:
    letters: Counter[float] = Counter()
    for line in lines:
        letters[line.size] += len(line.text)
    body = max(letters, key=lambda size: (letters[size], -size), default=10.0)
    larger = sorted((size for size in letters if size >= _LARGER * body), reverse=True)
    return Type(body, tuple(larger), has_tables)


def blocks_of(lines: Sequence[Line], type_: Type) -> list[Block]:
    """Of one column, from top to bottom."""
    blocks: list[Block] = []
    pitch = _pitch(lines)
    at = 0
    while at < len(lines):
        grid = grid_at(lines, at) if type_.has_tables else None
        if grid is not None:
            rows, at = grid
            blocks.append(Grid(rows))
            continue
        end = at + 1
        while end < len(lines) and _goes_on(lines, at, end, type_, pitch):
            end += 1
        blocks.append(_block(lines[at:end], type_))
        at = end
    return blocks


def _pitch(lines: Sequence[Line]) -> float:
    """From line to line within a paragraph, in sizes of the type."""
    steps = [
        (below.bottom - above.bottom) / below.size
        for above, below in pairwise(lines)
        if above.size == below.size
    ]
    return max(median(steps), 1.0) if len(steps) > 1 else _USUAL_PITCH


def _goes_on(lines: Sequence[Line], start: int, at: int, type_: Type, pitch: float) -> bool:
    first, above, line = lines[start], lines[at - 1], lines[at]
    is_heading = _is_heading(first, type_)
    most = _HEADING_PITCH if is_heading else _WIDER * pitch
    if line.bottom - above.bottom > most * line.size or begins_item(line.text):
        return False
    if type_.has_tables and grid_at(lines, at) is not None:
        return False
    if is_heading or _is_heading(line, type_):
        return first.size == line.size and first.is_bold == line.is_bold and is_heading
    if begins_item(first.text):
        return line.x0 > first.x0 + 1
    return not _is_new_paragraph(lines, start, at)


def _is_new_paragraph(lines: Sequence[Line], start: int, at: int) -> bool:
    """The first line of one is indented, below the short last line of another."""
    above, line = lines[at - 1], lines[at]
    left = min(above.x0, line.x0)
    right = max(other.x1 for other in lines[start : at + 1])
    is_indented = line.x0 > above.x0 + _INDENT * line.size
    return is_indented and above.x1 - left < _SHORT * (right - left)


def _is_heading(line: Line, type_: Type) -> bool:
    if len(line.text) > _LONGEST_HEADING or not any(map(str.isalpha, line.text)):
        return False
    if type_.is_larger(line.size):
        return True
    is_bold = line.is_bold and line.size >= type_.body and not line.text.endswith((".", ":", ","))
    return is_bold and (begins_section(line.text) or line.text[:1].isupper())


def _block(lines: Sequence[Line], type_: Type) -> Block:
    text = _joined([line.text for line in lines])
    if _is_heading(lines[0], type_):
        return Heading(text, lines[0].size)
    return Paragraph(as_item(text) if begins_item(text) else plain(text))


def _joined(texts: Sequence[str]) -> str:
    """A word that was broken at the end of a line is whole again."""
    joined = texts[0]
    for text in texts[1:]:
        if _BROKEN_WORD.search(joined) and text[:1].islower():
            joined = joined[:-1] + text
        else:
            joined = f"{joined} {text}"
    return joined.replace("\u00ad", "")
