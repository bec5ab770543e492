"""The one place that knows kreuzberg: its interface is young, and changes between versions.

No cache, no OCR, no network: those are ours, and outside the box.
"""

import re
import secrets
from dataclasses import dataclass
from pathlib import Path
from typing import cast

import kreuzberg

from agent.pipelines.document.content import Facts, Table
from agent.pipelines.document.kinds import Kind
from agent.pipelines.document.tables import without_empty
from agent.pipelines.errors import MediaUnreadableError, TooLargeError

_MEDIA_TYPES = {
    Kind.PDF: "application/pdf",
    Kind.DOCX: "application/vnd.openxmlformats-officedocument.wordprocessingml.document",
    Kind.PPTX: "application/vnd.openxmlformats-officedocument.presentationml.presentation",
    Kind.XLSX: "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
    Kind.ODT: "application/vnd.oasis.opendocument.text",
    Kind.ODS: "application/vnd.oasis.opendocument.spreadsheet",
    Kind.ODP: "application/vnd.oasis.opendocument.presentation",
    Kind.DOC: "application/msword",
    Kind.PPT: "application/vnd.ms-powerpoint",
    Kind.XLS: "application/vnd.ms-excel",
    Kind.MSG: "application/vnd.ms-outlook",
    Kind.EPUB: "application/epub+zip",
    Kind.RTF: "application/rtf",
    Kind.HTML: "text/html",
}
_SECONDS = 300
_PLACEHOLDERS = frozenset({"", "(anonymous)", "(unspecified)", "untitled", "unknown"})
_TOKEN = secrets.token_hex(8)
_PAGE_MARK = f"page-{_TOKEN}-{{page_num}}-end"
"""New in every process, so that no document can hold it."""
_MARK = re.compile(f"page-{_TOKEN}-(\\d+)-end")


@dataclass(frozen=True, slots=True)
class Extracted:
    markdown: str
    """With marks where kreuzberg knows of pages; see `split_pages`."""
    facts: Facts
    tables: list[Table]
    """Their `page` counts sheets in a workbook, slides in a presentation."""
    sheet_names: list[str]


def extract(source: Path | bytes, kind: Kind, passwords: tuple[str, ...] = ()) -> Extracted:
    """Raises `MediaUnreadableError` or `TooLargeError`."""
    media_type = _MEDIA_TYPES[kind]
    config = _config(passwords)
    try:
        if isinstance(source, bytes):
            result = kreuzberg.extract_bytes_sync(source, media_type, config=config)
        else:
            result = kreuzberg.extract_file_sync(source, media_type, config=config)
    except kreuzberg.ExtractionTimeoutError as error:
        raise TooLargeError(f"reading the document takes more than {_SECONDS} s.") from error
    except (kreuzberg.KreuzbergError, RuntimeError) as error:  # the latter is a panic within
        raise _refusal(error, kind) from error
    except OSError as error:
        if error.errno is not None:
            raise  # the disk's fault, not the document's
        raise MediaUnreadableError(f"the document is broken ({str(error)[:200]}).") from error
    return _extracted(result)


def split_pages(markdown: str) -> list[tuple[int | None, str]]:
    """The text of each page under its number; what stands before the first has none."""
    first, *rest = _MARK.split(markdown)
    numbers, texts = rest[::2], rest[1::2]
    pages: list[tuple[int | None, str]] = [(None, first.strip())] if first.strip() else []
    pages += [(int(number), text.strip()) for number, text in zip(numbers, texts, strict=True)]
    return pages


def _config(passwords: tuple[str, ...]) -> kreuzberg.ExtractionConfig:
    return kreuzberg.ExtractionConfig(
        use_cache=False,
        ocr=None,
        output_format="markdown",
        extraction_timeout_secs=_SECONDS,
        concurrency=kreuzberg.ConcurrencyConfig(max_threads=1),
        html_options={"extract_metadata": False},
        pages=kreuzberg.PageConfig(
            extract_pages=True, insert_page_markers=True, marker_format=f"\n\n{_PAGE_MARK}\n\n"
        ),
        pdf_options=kreuzberg.PdfConfig(passwords=list(passwords) or None),
    )


def _refusal(error: Exception, kind: Kind) -> MediaUnreadableError | TooLargeError:
    text = str(error)
    lower = text.lower()
    if "password" in lower or "encrypted" in lower:
        return MediaUnreadableError(
            "the document is locked with a password; save it without one and send it again."
        )
    if "limit" in lower or "too large" in lower or "exceed" in lower:
        return TooLargeError(f"the document holds more than can be read ({text[:200]}).")
    return MediaUnreadableError(f"the document is broken, or no {kind.value} ({text[:200]}).")


def _extracted(result: kreuzberg.ExtractionResult) -> Extracted:
    metadata = cast("dict[str, object]", result.metadata)
    tables = [
        Table(table.page_number or None, without_empty(table.cells)) for table in result.tables
    ]
    names = metadata.get("sheet_names")
    return Extracted(
        markdown=result.content,
        facts=_facts(metadata),
        tables=[table for table in tables if table.rows],
        sheet_names=[str(name) for name in names] if isinstance(names, list) else [],
    )


def _facts(metadata: dict[str, object]) -> Facts:
    authors = metadata.get("authors")
    author = ", ".join(filter(None, map(_told, authors))) if isinstance(authors, list) else ""
    count = metadata.get("page_count")
    return Facts(
        title=_told(metadata.get("title")),
        author=author or None,
        created=_told(metadata.get("created_at")),
        language=_told(metadata.get("language")),
        page_count=count if isinstance(count, int) and count > 0 else None,
    )


def _told(value: object) -> str | None:
    text = value.strip() if isinstance(value, str) else ""
    return None if text.lower() in _PLACEHOLDERS else text[:500]
