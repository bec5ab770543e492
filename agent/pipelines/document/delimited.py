"""Reads tables of text: CSV with whatever sign it separates cells with."""

import csv
from collections.abc import Iterator
from itertools import islice
from pathlib import PurePath

from agent.pipelines.document.charset import read_text
from agent.pipelines.document.content import Content, Facts, Page, Table
from agent.pipelines.document.kinds import Kind
from agent.pipelines.document.tables import MAX_COLUMNS, MAX_ROWS, as_table
from agent.pipelines.errors import MediaUnreadableError, TooLargeError

_SIGNS = ",;\t|"
_SAMPLE, _SAMPLE_LINES = 64 * 1024, 50
_LONGEST_CELL = 1024**2
_MOST_CELLS = 5_000_000


def read_delimited(raw: bytes, filename: str) -> Content:
    text = read_text(raw)
    rows, unread = _rows(text.content, _sign(text.content, filename))
    markdown, note = as_table(rows, unread=unread)
    return Content(
        kind=Kind.TABLE,
        pages=[Page(markdown)],
        facts=Facts(),
        tables=[Table(None, [row[:MAX_COLUMNS] for row in rows])],
        warnings=[note] if note else [],
        encoding=text.encoding,
    )


def _rows(text: str, sign: str) -> tuple[list[list[str]], int]:
    """As many rows as are shown, and how many come after them."""
    csv.field_size_limit(_LONGEST_CELL)
    rows = _filled(csv.reader(text.splitlines(keepends=True), delimiter=sign))
    try:
        first = list(islice(rows, MAX_ROWS))
        return first, sum(1 for _ in rows)
    except csv.Error as error:
        raise MediaUnreadableError(f"the table is broken ({error}).") from error


def _filled(rows: Iterator[list[str]]) -> Iterator[list[str]]:
    cells = 0
    for row in rows:
        cells += len(row)
        if cells > _MOST_CELLS:
            raise TooLargeError(f"the table has more than the limit of {_MOST_CELLS} cells.")
        if any(map(str.strip, row)):
            yield row


def _sign(text: str, filename: str) -> str:
    """The sign that parts most of the first lines into the same number of cells, above one."""
    if PurePath(filename).suffix.lower() in {".tsv", ".tab"}:
        return "\t"
    sample = text[:_SAMPLE].splitlines()[:_SAMPLE_LINES]
    lines = [line for line in sample if line.strip()]
    return max(_SIGNS, key=lambda sign: _agreement(lines, sign))


def _agreement(lines: list[str], sign: str) -> tuple[float, int]:
    widths = [len(row) for row in csv.reader(lines, delimiter=sign) if row]
    usual = max(set(widths), key=widths.count, default=1)
    return (widths.count(usual) / len(widths) if usual > 1 else 0.0, usual)
