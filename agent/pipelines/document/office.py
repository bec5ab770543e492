"""Reads office documents, books and rich text by the extraction, and mends what that lacks."""

import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from agent.pipelines.document import docx_lists, pptx_lists
from agent.pipelines.document.content import Content, Page, Table
from agent.pipelines.document.extraction import Extracted, extract, split_pages
from agent.pipelines.document.kinds import Kind
from agent.pipelines.document.tables import MAX_COLUMNS, MAX_ROWS, as_table

_WORKBOOKS = frozenset({Kind.XLSX, Kind.ODS, Kind.XLS})
_SLIDES = frozenset({Kind.PPTX, Kind.PPT})
_TITLE = re.compile(r"^##(?=[ ])", re.MULTILINE)
"""The extraction gives the title of a slide the second level, and nothing the first."""


def read_office(file: Path, kind: Kind) -> Content:
    extracted = extract(file, kind)
    if kind in _WORKBOOKS and extracted.tables:
        return _workbook(extracted, kind)
    markdown = extracted.markdown
    if kind is Kind.DOCX:
        markdown = docx_lists.with_list_items(markdown, file)
    if kind is Kind.PPTX:
        markdown = pptx_lists.with_list_items(markdown, file)
    if kind in _SLIDES:
        return _slides(replace(extracted, markdown=markdown), kind)
    pages = [Page(text) for _, text in split_pages(markdown)]
    return Content(kind=kind, pages=pages, facts=extracted.facts, tables=extracted.tables)


def _slides(extracted: Extracted, kind: Kind) -> Content:
    pages = [
        Page(_TITLE.sub("#", text), number) for number, text in split_pages(extracted.markdown)
    ]
    facts = replace(extracted.facts, page_count=len(pages))
    return Content(kind=kind, pages=pages, facts=facts, tables=extracted.tables)


def _workbook(extracted: Extracted, kind: Kind) -> Content:
    """Written anew from the cells, since a sheet may have a million of them."""
    sheets = list(_sheets(extracted))
    pages = [Page(f"# {name}\n\n{text}") for name, text, _ in sheets]
    return Content(
        kind=kind,
        pages=pages,
        facts=extracted.facts,
        tables=[
            Table(table.page, [row[:MAX_COLUMNS] for row in table.rows[:MAX_ROWS]])
            for table in extracted.tables
        ],
        warnings=[note for _, _, note in sheets if note],
    )


def _sheets(extracted: Extracted) -> Iterator[tuple[str, str, str | None]]:
    names = extracted.sheet_names
    for at, table in enumerate(extracted.tables):
        number = (table.page or at + 1) - 1
        name = names[number] if number < len(names) else f"Sheet {number + 1}"
        yield name, *as_table(table.rows, f"sheet {name!r}")
