"""Finds running heads, feet and page numbers: what stands at the edge of page after page."""

import re
from collections import Counter
from collections.abc import Sequence

from agent.pipelines.document.pdf.lines import Line

_FEWEST_PAGES = 3
_AT_EDGE = 1
"""Lines at the top, and at the bottom, that may be furniture."""
_DIGITS = re.compile(r"\d+|\b[ivxlc]+\b")


def furniture_of(pages: Sequence[Sequence[Line]]) -> frozenset[str]:
    """The shapes of such lines; see `is_furniture`. Each page's lines go from top to bottom."""
    seen: Counter[str] = Counter()
    for lines in pages:
        seen.update({_shape(line) for line in _edges(lines)})
    return frozenset(shape for shape, count in seen.items() if count >= _least(shape, len(pages)))


def _least(shape: str, pages: int) -> float:
    """The head of a chapter is on its pages only, but counts them."""
    return _FEWEST_PAGES if "#" in shape else max(_FEWEST_PAGES, pages / 2)


def without_furniture(lines: Sequence[Line], furniture: frozenset[str]) -> list[Line]:
    edges = {id(line) for line in _edges(lines) if _shape(line) in furniture}
    return [line for line in lines if id(line) not in edges]


def _edges(lines: Sequence[Line]) -> list[Line]:
    if len(lines) <= 2 * _AT_EDGE:
        return list(lines)
    return [*lines[:_AT_EDGE], *lines[-_AT_EDGE:]]


def _shape(line: Line) -> str:
    return _DIGITS.sub("#", line.text.lower())
