"""What stands on one page of a PDF: its words, its ruled tables, and whether it is a picture."""

from dataclasses import dataclass

from pdfplumber.page import Page as PlumberPage
from pdfplumber.table import Table

from agent.pipelines.document.pdf.lines import Word
from agent.pipelines.document.tables import without_empty

_MOST_EDGES = 4000
"""A drawing has more lines than any table, and looking for cells in it takes minutes."""
_FEWEST_CELLS = 4
_FILLED = 0.4
_FEWEST_LETTERS = 25
"""On a page that counts as text: fewer are a page number or a stamp."""
_PICTURE = 0.3
"""Of the page's area."""
_MOST_CURVES = 300
"""More, without text, are letters that were turned into drawings."""
_BOLD = ("bold", "black", "heavy", "semibold", "-bd", "cmbx", "medi")
_SPACE = 0.13
"""Of the size of the type: what is wider parts two words."""


@dataclass(frozen=True, slots=True)
class Ruled:
    """A table with lines drawn around its cells."""

    top: float
    bottom: float
    x0: float
    x1: float
    rows: list[list[str]]

    def covers(self, word: Word) -> bool:
        center = (word.x0 + word.x1) / 2
        return self.x0 <= center <= self.x1 and self.top <= word.middle <= self.bottom


@dataclass(frozen=True, slots=True)
class Sheet:
    """One page as it was printed."""

    number: int
    words: list[Word]
    """Without those in ruled tables."""
    ruled: list[Ruled]
    is_scanned: bool


def sheet_of(page: PlumberPage, *, with_tables: bool) -> Sheet:
    words = _words(page)
    ruled = _ruled(page) if with_tables else []
    outside = [word for word in words if not any(table.covers(word) for table in ruled)]
    is_scanned = sum(len(word.text) for word in words) < _FEWEST_LETTERS and _shows_something(page)
    return Sheet(page.page_number, outside, ruled, is_scanned)


def _words(page: PlumberPage) -> list[Word]:
    found = page.extract_words(
        x_tolerance_ratio=_SPACE, extra_attrs=["size", "fontname"], use_text_flow=False
    )
    return [
        Word(
            text=word["text"],
            x0=word["x0"],
            x1=word["x1"],
            top=word["top"],
            bottom=word["bottom"],
            size=max(float(word["size"]), 1.0),
            is_bold=any(mark in str(word["fontname"]).lower() for mark in _BOLD),
        )
        for word in found
    ]


def _ruled(page: PlumberPage) -> list[Ruled]:
    if len(page.edges) > _MOST_EDGES:
        return []
    tables = (_as_ruled(table) for table in page.find_tables())
    return [table for table in tables if table is not None]


def _as_ruled(table: Table) -> Ruled | None:
    rows = without_empty([[cell or "" for cell in row] for row in table.extract()])
    cells = [cell for row in rows for cell in row]
    is_table = len(rows) > 1 and max(map(len, rows)) > 1 and len(cells) >= _FEWEST_CELLS
    if not is_table or sum(map(bool, cells)) < _FILLED * len(cells):
        return None
    x0, top, x1, bottom = table.bbox
    return Ruled(top, bottom, x0, x1, rows)


def _shows_something(page: PlumberPage) -> bool:
    area = float(page.width) * float(page.height)
    pictures = sum(abs(image["width"] * image["height"]) for image in page.images)
    return pictures >= _PICTURE * area or len(page.curves) >= _MOST_CURVES
