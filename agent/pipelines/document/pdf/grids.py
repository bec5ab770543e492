"""Finds tables that have no lines drawn around their cells: words that stand below one another."""

from collections.abc import Sequence

from agent.pipelines.document.pdf.lines import Line
from agent.pipelines.document.pdf.marks import begins_item

_WIDEST_SPACE = 0.9
"""Of the size of the type: more white than that is between two cells, not two words."""
_FEWEST_ROWS, _FEWEST_COLUMNS = 3, 2
_WIDEST_CELL = 0.6
"""Of the table's width, on average: what is wider is prose with a hole in it."""
_TALLEST_GAP = 2.0
"""Of the size of the type, between two rows."""
_FILLED = 0.6
"""Of the cells of a table, at least."""


def grid_at(lines: Sequence[Line], start: int) -> tuple[list[list[str]], int] | None:
    """The rows of the table that begins with line `start`, and the first line after it."""
    end = start
    while end < len(lines) and _can_be_row(lines, start, end):
        end += 1
    while end - start >= _FEWEST_ROWS:
        rows = _rows(lines[start:end])
        if rows is not None:
            return rows, end
        end -= 1
    return None


def _can_be_row(lines: Sequence[Line], start: int, at: int) -> bool:
    line = lines[at]
    if begins_item(line.text) or len(line.segments(_WIDEST_SPACE)) < _FEWEST_COLUMNS:
        return False
    return at == start or line.top - lines[at - 1].bottom <= _TALLEST_GAP * line.size


def _rows(lines: Sequence[Line]) -> list[list[str]] | None:
    segments = [line.segments(_WIDEST_SPACE) for line in lines]
    columns = _columns([segment for row in segments for segment in row])
    if len(columns) < _FEWEST_COLUMNS:
        return None
    rows = [_cells(row, columns) for row in segments]
    cells = [cell for row in rows for cell in row]
    is_full = sum(map(bool, cells)) >= _FILLED * len(cells)
    are_rows = all(sum(map(bool, row)) >= _FEWEST_COLUMNS for row in rows)
    width = columns[-1][1] - columns[0][0]
    widths = [segment.x1 - segment.x0 for row in segments for segment in row]
    is_narrow = sum(widths) <= _WIDEST_CELL * width * len(widths)
    return rows if is_full and are_rows and is_narrow else None


def _columns(segments: Sequence[Line]) -> list[tuple[float, float]]:
    """From, to: where any row has letters. What overlaps is one column."""
    columns: list[tuple[float, float]] = []
    for x0, x1 in sorted((segment.x0, segment.x1) for segment in segments):
        if columns and x0 <= columns[-1][1]:
            columns[-1] = (columns[-1][0], max(x1, columns[-1][1]))
        else:
            columns.append((x0, x1))
    return columns


def _cells(row: Sequence[Line], columns: Sequence[tuple[float, float]]) -> list[str]:
    return [
        " ".join(segment.text for segment in row if x0 <= segment.x0 <= x1) for x0, x1 in columns
    ]
