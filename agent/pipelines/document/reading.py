"""The readers of documents, inside the box: one file in, its `Content` out.

Each kind's libraries are loaded for that kind only: a table of text needs none of PDF's.
"""

from collections.abc import Callable
from pathlib import Path

from agent.model.ids import Bytes, JsonObject
from agent.pipelines.box.request import Tell
from agent.pipelines.document.charset import read_text
from agent.pipelines.document.content import Content, Page
from agent.pipelines.document.kinds import Kind, kind_of
from agent.pipelines.document.options import DocumentOptions
from agent.pipelines.errors import PipelineError, TooLargeError

_MAX_TEXT = Bytes(64 * 1024**2)
"""Of formats that are text throughout."""
_MAX_LETTERS = 10_000_000
"""Ten long novels; six bytes each on their way out of the box, at worst."""


def read_document(file: Path, _scratch: Path, arguments: JsonObject, tell: Tell) -> JsonObject:
    """Arguments: `filename`, `media_type`, and the options of the task under `options`."""
    filename, media_type = str(arguments["filename"]), arguments.get("media_type")
    options = DocumentOptions.model_validate(arguments.get("options") or {})
    kind = kind_of(file, filename, media_type if isinstance(media_type, str) else None)
    content = _read(file, kind, filename, options, tell)
    _check_size(content)
    return content.as_json()


def _check_size(content: Content) -> None:
    letters = sum(len(page.markdown) for page in content.pages)
    letters += sum(len(cell) for table in content.tables for row in table.rows for cell in row)
    if letters > _MAX_LETTERS:
        raise TooLargeError(
            f"the document holds {letters // 10**6} million letters, more than the limit of"
            f" {_MAX_LETTERS // 10**6} million."
        )


def read_scans(file: Path, scratch: Path, arguments: JsonObject, tell: Tell) -> JsonObject:
    """Pictures of the pages in `numbers`, as raw RGB in `scratch`."""
    numbers = arguments.get("numbers")
    wanted = (
        [number for number in numbers if isinstance(number, int)]
        if isinstance(numbers, list)
        else []
    )
    from agent.pipelines.document.pdf.rendering import render_pages

    return render_pages(file, scratch, wanted, str(arguments.get("password") or ""), tell)


def _read(file: Path, kind: Kind, filename: str, options: DocumentOptions, tell: Tell) -> Content:
    match kind:
        case Kind.PDF:
            return _pdf(file, options, tell)
        case Kind.TABLE:
            from agent.pipelines.document.delimited import read_delimited

            return read_delimited(_bytes(file), filename)
        case Kind.EMAIL:
            from agent.pipelines.document.mail import read_mail

            return read_mail(_bytes(file))
        case Kind.HTML:
            from agent.pipelines.document.html import read_html

            return read_html(_bytes(file))
        case Kind.MARKDOWN | Kind.TEXT:
            text = read_text(_bytes(file))
            return Content(kind=kind, pages=[Page(text.content)], encoding=text.encoding)
        case _:
            return _office(file, kind)


def _office(file: Path, kind: Kind) -> Content:
    from agent.pipelines.document.office import read_office
    from agent.pipelines.document.slides import read_slides

    return read_slides(file) if kind is Kind.ODP else read_office(file, kind)


def _pdf(file: Path, options: DocumentOptions, tell: Callable[[float], None]) -> Content:
    from agent.pipelines.document.pdf.reading import read_pdf

    password = options.password or ""
    try:
        content = read_pdf(file, password, options.max_pages, tell, with_tables=options.tables)
    except (PipelineError, MemoryError):
        raise
    except Exception as error:  # the second reader mends much that the first stumbles over
        return _mended_pdf(file, password, type(error).__name__)
    has_words = any(page.markdown or page.is_scanned for page in content.pages)
    return content if has_words else _mended_pdf(file, password, "no words were found at first")


def _mended_pdf(file: Path, password: str, reason: str) -> Content:
    from agent.pipelines.document.extraction import extract, split_pages

    extracted = extract(file, Kind.PDF, (password,) if password else ())
    return Content(
        kind=Kind.PDF,
        pages=[Page(text, number) for number, text in split_pages(extracted.markdown)],
        facts=extracted.facts,
        tables=extracted.tables,
        warnings=[f"the document is damaged; its tables may be lost ({reason})"],
    )


def _bytes(file: Path) -> bytes:
    if file.stat().st_size > _MAX_TEXT:
        raise TooLargeError(f"the text is over the limit of {_MAX_TEXT // 1024**2} MiB.")
    return file.read_bytes()
