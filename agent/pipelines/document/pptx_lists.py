"""Finds the list items of a PowerPoint presentation, whose marks the extraction loses."""

import zipfile
from collections.abc import Iterator
from pathlib import Path
from xml.etree.ElementTree import Element, ParseError

from agent.pipelines.document.archives import check_archive
from agent.pipelines.document.items import mark_items
from agent.pipelines.document.xml import parse_part

_P = "{http://schemas.openxmlformats.org/presentationml/2006/main}"
_A = "{http://schemas.openxmlformats.org/drawingml/2006/main}"
_R = "{http://schemas.openxmlformats.org/officeDocument/2006/relationships}"
_RELATIONS = "{http://schemas.openxmlformats.org/package/2006/relationships}"
_LIST_PLACES = frozenset({"body", "obj", None})
"""Kinds of placeholders whose paragraphs have bullets unless they say otherwise."""
_FEWEST = 2
"""Paragraphs in such a place: a single one is prose, whatever the template draws before it."""


def with_list_items(markdown: str, file: Path) -> str:
    """`markdown` with `- ` before each paragraph that is a list item in `file`."""
    with check_archive(file) as archive:
        try:
            items = [
                item for part in _slide_parts(archive) for item in _items(parse_part(archive, part))
            ]
        except (KeyError, ParseError):
            return markdown
    return mark_items(markdown, items)


def _slide_parts(archive: zipfile.ZipFile) -> list[str]:
    """In the order in which they are shown, which is not that of their numbers."""
    relations = parse_part(archive, "ppt/_rels/presentation.xml.rels")
    targets = {
        relation.get("Id"): relation.get("Target") or ""
        for relation in relations.iter(f"{_RELATIONS}Relationship")
    }
    shown = parse_part(archive, "ppt/presentation.xml").iter(f"{_P}sldId")
    return [f"ppt/{targets[slide.get(f'{_R}id')].removeprefix('/ppt/')}" for slide in shown]


def _items(slide: Element) -> Iterator[str]:
    for shape in slide.iter(f"{_P}sp"):
        paragraphs = [each for each in shape.iter(f"{_A}p") if _text(each).strip()]
        place = shape.find(f"{_P}nvSpPr/{_P}nvPr/{_P}ph")
        is_list = (
            place is not None and place.get("type") in _LIST_PLACES and len(paragraphs) >= _FEWEST
        )
        yield from (_text(each) for each in paragraphs if _has_bullet(each, usually=is_list))


def _has_bullet(paragraph: Element, *, usually: bool) -> bool:
    if paragraph.find(f"{_A}pPr/{_A}buNone") is not None:
        return False
    marks = (paragraph.find(f"{_A}pPr/{_A}{mark}") for mark in ("buChar", "buAutoNum", "buBlip"))
    return usually or any(mark is not None for mark in marks)


def _text(paragraph: Element) -> str:
    return "".join(run.text or "" for run in paragraph.iter(f"{_A}t"))
