"""Reads OpenDocument presentations, which the extraction does not know."""

from collections.abc import Iterator
from pathlib import Path
from xml.etree.ElementTree import Element, ParseError

from agent.pipelines.document.archives import check_archive
from agent.pipelines.document.content import Content, Facts, Page
from agent.pipelines.document.kinds import Kind
from agent.pipelines.document.tables import as_table, one_line
from agent.pipelines.document.xml import parse_part
from agent.pipelines.errors import MediaUnreadableError

_OASIS = "urn:oasis:names:tc:opendocument:xmlns"
_DRAW, _TEXT = f"{{{_OASIS}:drawing:1.0}}", f"{{{_OASIS}:text:1.0}}"
_TABLE, _SHOW = f"{{{_OASIS}:table:1.0}}", f"{{{_OASIS}:presentation:1.0}}"
_DC = "{http://purl.org/dc/elements/1.1/}"


def read_slides(file: Path) -> Content:
    with check_archive(file) as archive:
        try:
            content = parse_part(archive, "content.xml")
            has_facts = "meta.xml" in archive.namelist()
            told = parse_part(archive, "meta.xml") if has_facts else Element("none")
        except ParseError as error:
            raise MediaUnreadableError("the presentation is broken.") from error
    slides = list(content.iter(f"{_DRAW}page"))
    pages = [Page(_slide(slide), number) for number, slide in enumerate(slides, 1)]
    facts = Facts(
        title=_line(told.find(f".//{_DC}title")) or None,
        author=_line(told.find(f".//{_DC}creator")) or None,
        page_count=len(slides),
    )
    return Content(kind=Kind.ODP, pages=pages, facts=facts)


def _slide(slide: Element) -> str:
    parts = []
    for frame in slide.findall(f"{_DRAW}frame"):
        is_title = frame.get(f"{_SHOW}class") == "title"
        parts += [f"# {part}" if is_title else part for part in _parts(frame)]
    notes = [part for note in slide.findall(f"{_SHOW}notes") for part in _parts(note)]
    return "\n\n".join(parts + (["Notes:", *notes] if notes else []))


def _parts(element: Element) -> Iterator[str]:
    """Paragraphs, list items and tables, in the order in which they stand."""
    for child in element:
        if child.tag in {f"{_TEXT}p", f"{_TEXT}h"}:
            yield from filter(None, [_line(child)])
        elif child.tag == f"{_TEXT}list":
            items = [_line(item) for item in child.iter(f"{_TEXT}p")]
            yield "\n".join(f"- {item}" for item in items if item)
        elif child.tag == f"{_TABLE}table":
            rows = [[_line(cell) for cell in row] for row in child.iter(f"{_TABLE}table-row")]
            yield as_table(rows)[0]
        else:
            yield from _parts(child)


def _line(element: Element | None) -> str:
    return one_line(" ".join(element.itertext())) if element is not None else ""
