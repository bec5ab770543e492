"""Finds the order in which the columns of a page are read.

An X-Y cut: a region with a white gutter between two columns of running text is read left, then
right; one without is cut at its largest gap from top to bottom, in case a headline spans columns
further down. Columns of a table have short lines, which is how they are told from those of prose.
"""

import itertools
from collections.abc import Sequence

from agent.pipelines.document.pdf.lines import Word, lines_of

_GUTTER = 1.0
"""Of the size of the type: much more than any space within a line."""
_FEWEST_LINES = 4
"""In each column: fewer may have their spaces below one another by chance."""
_FULL = 0.6
"""Of a column's width is covered by a line of prose, on average."""
_FEWEST_WORDS = 2.5
"""In a line of prose, on average."""
_DEEPEST = 60
"""Cuts below one another; a hostile page could have thousands."""


def in_reading_order(words: Sequence[Word], depth: int = _DEEPEST) -> list[list[Word]]:
    """Groups of words, each of which is one column wide."""
    if not words or depth == 0:
        return [list(words)] if words else []
    columns = _side_by_side(words)
    parts = columns or _one_below_the_other(words)
    groups = [group for part in parts for group in in_reading_order(part, depth - 1)]
    # A cut below which there are no columns either has only torn apart what belongs together.
    return groups if columns or len(groups) > len(parts) else [list(words)]


def _side_by_side(words: Sequence[Word]) -> tuple[list[Word], list[Word]] | None:
    if len(words) < 2 * _FEWEST_LINES * _FEWEST_WORDS:
        return None
    for middle in _gutters(words):
        left = [word for word in words if word.x0 < middle]
        right = [word for word in words if word.x0 >= middle]
        if _is_prose(left) and _is_prose(right):
            return left, right
    return None


def _gutters(words: Sequence[Word]) -> list[float]:
    """The middles of the white stripes from top to bottom, the widest first."""
    least = _GUTTER * _typical_size(words)
    ordered = sorted(words, key=lambda word: word.x0)
    stripes, reach = [], ordered[0].x1
    for word in ordered[1:]:
        if word.x0 - reach > least:
            stripes.append((word.x0 - reach, (word.x0 + reach) / 2))
        reach = max(reach, word.x1)
    return [middle for _, middle in sorted(stripes, reverse=True)]


def _is_prose(words: Sequence[Word]) -> bool:
    lines = lines_of(words)
    width = max(line.x1 for line in lines) - min(line.x0 for line in lines)
    covered = sum(line.x1 - line.x0 for line in lines) / len(lines)
    return (
        len(lines) >= _FEWEST_LINES
        and covered >= _FULL * width
        and len(words) >= _FEWEST_WORDS * len(lines)
    )


def _one_below_the_other(words: Sequence[Word]) -> tuple[list[Word], ...]:
    """Cut at the largest gap, if the region has room for two columns at all."""
    lines = lines_of(words)
    if len(lines) <= _FEWEST_LINES:
        return ()
    gaps = [(below.top - above.bottom, below.top) for above, below in itertools.pairwise(lines)]
    gap, cut = max(gaps, key=lambda pair: pair[0])
    if gap <= 0:
        return ()
    return [word for word in words if word.middle < cut], [
        word for word in words if word.middle >= cut
    ]


def _typical_size(words: Sequence[Word]) -> float:
    sizes = sorted(word.size for word in words)
    return sizes[len(sizes) // 2]
