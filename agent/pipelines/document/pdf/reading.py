"""Reads a PDF page by page, and writes each as Markdown."""

import re
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import pdfplumber
from pdfminer.pdfdocument import PDFPasswordIncorrect
from pdfplumber.utils.exceptions import PdfminerException

from agent.pipelines.document.content import Content, Facts, Page, Table
from agent.pipelines.document.kinds import Kind
from agent.pipelines.document.pdf.blocks import Grid, Heading, Paragraph, Type, blocks_of, type_of
from agent.pipelines.document.pdf.columns import in_reading_order
from agent.pipelines.document.pdf.furniture import furniture_of, without_furniture
from agent.pipelines.document.pdf.lines import Line, lines_of
from agent.pipelines.document.pdf.pages import Ruled, Sheet, sheet_of
from agent.pipelines.document.tables import as_table
from agent.pipelines.errors import MediaUnreadableError

_DATE = re.compile(r"D:(\d{4})(\d{2})?(\d{2})?")
_PLACEHOLDERS = frozenset({"", "(anonymous)", "(unspecified)", "untitled", "unknown"})


def read_pdf(
    file: Path,
    password: str,
    max_pages: int | None,
    on_page: Callable[[float], None],
    *,
    with_tables: bool,
) -> Content:
    try:
        with pdfplumber.open(file, password=password) as pdf:
            count = len(pdf.pages)
            sheets = []
            for page in pdf.pages[:max_pages]:
                sheets.append(sheet_of(page, with_tables=with_tables))
                page.close()  # or every letter of the book stays in memory
                on_page(page.page_number / count)
            return _content(sheets, _facts(pdf.metadata, count), with_tables=with_tables)
    except PdfminerException as error:
        if any(isinstance(cause, PDFPasswordIncorrect) for cause in error.args):
            raise _locked(password) from error
        raise


def _locked(password: str) -> MediaUnreadableError:
    if password:
        return MediaUnreadableError(
            "the document does not open with the password in option 'password'."
        )
    return MediaUnreadableError(
        "the document is locked with a password; say it in option 'password'."
    )


def _content(sheets: Sequence[Sheet], facts: Facts, *, with_tables: bool) -> Content:
    lines = [lines_of(sheet.words) for sheet in sheets]
    furniture = furniture_of(lines)
    kept = [without_furniture(page, furniture) for page in lines]
    type_ = type_of((line for page in kept for line in page), has_tables=with_tables)
    tables: list[Table] = []
    pages = []
    for sheet, left in zip(sheets, kept, strict=True):
        parts = list(_parts(sheet, left, type_))
        tables += [Table(sheet.number, part) for part in parts if isinstance(part, list)]
        pages.append(Page(_markdown(parts), sheet.number, sheet.is_scanned))
    missing = (facts.page_count or 0) - len(pages)
    warnings = [f"left out: {missing} of {facts.page_count} pages"] if missing else []
    return Content(kind=Kind.PDF, pages=pages, facts=facts, tables=tables, warnings=warnings)


def _parts(sheet: Sheet, lines: Sequence[Line], type_: Type) -> Iterator[str | list[list[str]]]:
    """Paragraphs and the rows of tables, in the order in which they are read."""
    waiting = sorted(sheet.ruled, key=lambda table: table.top)
    for group in in_reading_order([word for line in lines for word in line.words]):
        column = lines_of(group)
        while column:
            table = next((table for table in waiting if _is_within(table, column)), None)
            above = [line for line in column if table is None or line.top < table.top]
            yield from _written(above, type_)
            column = column[len(above) :]
            if table is not None:
                waiting.remove(table)
                yield table.rows
    yield from (table.rows for table in waiting)


def _is_within(table: Ruled, column: Sequence[Line]) -> bool:
    """Something of this column stands below the table."""
    left, right = min(line.x0 for line in column), max(line.x1 for line in column)
    is_beside = table.x1 < left or table.x0 > right
    return not is_beside and any(line.top >= table.top for line in column)


def _written(lines: Sequence[Line], type_: Type) -> Iterator[str | list[list[str]]]:
    for block in blocks_of(lines, type_):
        match block:
            case Heading(text, size):
                yield f"{'#' * type_.level(size)} {text}"
            case Paragraph(text):
                yield text
            case Grid(rows):
                yield rows


def _markdown(parts: Sequence[str | list[list[str]]]) -> str:
    written = ""
    before = ""
    for part in parts:
        text = part if isinstance(part, str) else as_table(part)[0]
        is_list = text.startswith("- ") and before.startswith("- ")
        written += ("\n" if is_list else "\n\n") + text
        before = text
    return written.strip()


def _facts(metadata: dict[str, object], count: int) -> Facts:
    date = _DATE.match(str(metadata.get("CreationDate") or ""))
    return Facts(
        title=_told(metadata.get("Title")),
        author=_told(metadata.get("Author")),
        created="-".join(filter(None, date.groups())) if date else None,
        page_count=count,
    )


def _told(value: object) -> str | None:
    text = " ".join(str(value or "").replace("\0", "").split())
    return None if text.lower() in _PLACEHOLDERS else text[:500]
