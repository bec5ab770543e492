"""Writes rows of cells as a Markdown table, and says what it left out."""

import re
from collections.abc import Sequence
from itertools import zip_longest

MAX_ROWS, MAX_COLUMNS = 5000, 100
"""Of one table in Markdown; more helps nobody who searches."""
MAX_CELL = 2000
_BREAKS = re.compile(r"[\s\x00-\x1f\x7f-\x9f\u2028\u2029]+")

Rows = Sequence[Sequence[str]]


def as_table(rows: Rows, title: str = "", unread: int = 0) -> tuple[str, str | None]:
    """The table, its first row as the head; and what was left out, if anything.

    `unread` counts the rows that follow those in `rows`.
    """
    shown = [list(row[:MAX_COLUMNS]) for row in rows[:MAX_ROWS]]
    width = max((len(row) for row in shown), default=0)
    lines = [_line(row, width) for row in shown]
    lines.insert(1, "|" + " --- |" * width)
    note = _left_out(rows, title, unread)
    return "\n".join(lines) + (f"\n\n({note}.)" if note else ""), note


def without_empty(rows: Rows) -> list[list[str]]:
    """`rows` in one line a cell, without rows and columns that are empty throughout."""
    clean = [[one_line(cell)[:MAX_CELL] for cell in row] for row in rows]
    filled = [any(column) for column in zip_longest(*clean, fillvalue="")]
    kept = [
        [cell for cell, is_filled in zip(row, filled, strict=False) if is_filled] for row in clean
    ]
    return [row for row in kept if any(row)]


def one_line(cell: str) -> str:
    return _BREAKS.sub(" ", cell).strip()


def _line(row: Sequence[str], width: int) -> str:
    cells = [_escaped(cell) for cell in row] + [""] * (width - len(row))
    return "| " + " | ".join(cells) + " |"


def _escaped(cell: str) -> str:
    return one_line(cell)[:MAX_CELL].replace("\\|", "|").replace("|", "\\|")


def _left_out(rows: Rows, title: str, unread: int) -> str | None:
    width = max((len(row) for row in rows), default=0)
    left = [
        f"{total - most} of {total} {word}"
        for total, most, word in (
            (len(rows) + unread, MAX_ROWS, "rows"),
            (width, MAX_COLUMNS, "columns"),
        )
        if total > most
    ]
    return f"left out{f' of {title}' if title else ''}: {' and '.join(left)}" if left else None
