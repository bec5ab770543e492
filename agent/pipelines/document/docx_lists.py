"""Finds the list items of a Word document, whose marks the extraction loses with some styles."""

import zipfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from xml.etree.ElementTree import Element, ParseError

from agent.pipelines.document.archives import check_archive
from agent.pipelines.document.items import mark_items
from agent.pipelines.document.xml import parse_part

_W = "{http://schemas.openxmlformats.org/wordprocessingml/2006/main}"


def with_list_items(markdown: str, file: Path) -> str:
    """`markdown` with `- ` before each paragraph that is a list item in `file`."""
    with check_archive(file) as archive:
        try:
            items = _item_texts(archive)
        except (KeyError, ParseError):
            return markdown
    return mark_items(markdown, items)


def _item_texts(archive: zipfile.ZipFile) -> list[str]:
    bulleted = _bulleted_styles(archive)
    body = parse_part(archive, "word/document.xml")
    return [_text(paragraph) for paragraph in _listed(body, bulleted)]


def _listed(body: Element, bulleted: frozenset[str]) -> Iterator[Element]:
    for paragraph in body.iter(f"{_W}p"):
        style = paragraph.find(f"{_W}pPr/{_W}pStyle")
        number = paragraph.find(f"{_W}pPr/{_W}numPr/{_W}numId")
        is_numbered = number is not None and number.get(f"{_W}val") != "0"
        if is_numbered or (
            number is None and style is not None and style.get(f"{_W}val") in bulleted
        ):
            yield paragraph


def _text(paragraph: Element) -> str:
    return "".join(run.text or "" for run in paragraph.iter(f"{_W}t"))


def _bulleted_styles(archive: zipfile.ZipFile) -> frozenset[str]:
    """Ids of the styles that make a paragraph a list item, through the styles they rest on."""
    if "word/styles.xml" not in archive.namelist():
        return frozenset()
    numbered: set[str] = set()
    parents: dict[str, str] = {}
    for style in parse_part(archive, "word/styles.xml").iter(f"{_W}style"):
        name = style.get(f"{_W}styleId") or ""
        parent = style.find(f"{_W}basedOn")
        if parent is not None:
            parents[name] = parent.get(f"{_W}val") or ""
        is_heading = style.find(f"{_W}pPr/{_W}outlineLvl") is not None
        if style.find(f"{_W}pPr/{_W}numPr") is not None and not is_heading:
            numbered.add(name)
    return frozenset(name for name in [*parents, *numbered] if _rests_on(name, numbered, parents))


def _rests_on(name: str, wanted: set[str], parents: Mapping[str, str]) -> bool:
    seen: set[str] = set()
    while name and name not in seen:
        if name in wanted:
            return True
        seen.add(name)
        name = parents.get(name, "")
    return False
