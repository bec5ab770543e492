"""Writes a document the ways that MoRAG, programs and people read it."""

import json
import re
from collections.abc import Iterator
from dataclasses import asdict

from agent.model.ids import JsonObject
from agent.pipelines.document.content import Content, Page
from agent.pipelines.document.kinds import Kind
from agent.pipelines.document.options import DocumentOptions
from agent.pipelines.markdown import deepen_headings, head

_WORD = re.compile(r"\w\S*")
_BETWEEN_PAGES = "\n\n"
_NEEDS_BLANK_LINE = re.compile(r"[|=>`~-]|[*+]\s|\d+[.)]\s")
"""What is taken for something else, or not at all, right below a line of text."""
_TABLE_RULE = re.compile(r"^\|[ :|-]+\|[ \t]*$", re.MULTILINE)
_MARKS = re.compile(
    r"^ {0,3}(?:#{1,6}[ \t]+|>[ \t]?)|\*\*|(?<!\w)__|__(?!\w)|^\|[ ]?|[ ]?\|$", re.MULTILINE
)


def as_markdown(
    content: Content, filename: str, size: int, language: str | None, options: DocumentOptions
) -> str:
    """`# Document: …`, `## Document Information`, and the body below the two."""
    parts = [_written(page, content.kind, options) for page in content.pages]
    body = "\n\n".join(filter(None, parts)).strip("\n")
    is_plain = content.kind is Kind.TEXT or not options.preserve_formatting
    if not is_plain:
        body = deepen_headings(body)
    opening = head(f"Document: {filename}", "Document Information", _facts(content, size, language))
    # MoRAG takes the body to begin below the first heading with that word. Without one of our own
    # it would be one of the document's, perhaps its table of contents, and all before it lost.
    return f"{opening}\n## Content\n\n{body}\n"


def as_json(content: Content, filename: str, language: str | None) -> str:
    """Each page with where it begins and ends in `text.txt`, counted in characters."""
    pages: list[JsonObject] = []
    at = 0
    for page in content.pages:
        text = _words(page, content.kind)
        pages.append(
            {
                "number": page.number,
                "start": at,
                "end": at + len(text),
                "is_recognised": page.is_recognised,
            }
        )
        at += len(text) + len(_BETWEEN_PAGES)
    facts: JsonObject = asdict(content.facts)
    document: JsonObject = {
        "filename": filename,
        "document_type": content.kind.value,
        **facts,
        "language": language,
        "word_count": word_count(content),
        "pages": [*pages],
        "tables": [asdict(table) for table in content.tables],
        "warnings": [*content.warnings],
    }
    return json.dumps(document, ensure_ascii=False, indent=1) + "\n"


def as_text(content: Content) -> str:
    return _BETWEEN_PAGES.join(_words(page, content.kind) for page in content.pages) + "\n"


def _words(page: Page, kind: Kind) -> str:
    return page.markdown.strip("\n") if kind is Kind.TEXT else as_plain_text(page.markdown)


def as_plain_text(markdown: str) -> str:
    """Without the marks of headings, quotes, emphasis and tables."""
    without_rules = _TABLE_RULE.sub("", markdown)
    plain = _MARKS.sub("", without_rules).replace(" | ", "\t")
    return re.sub(r"\n{3,}", "\n\n", plain).strip()


def word_count(content: Content) -> int:
    return sum(len(_WORD.findall(page.markdown)) for page in content.pages)


def _written(page: Page, kind: Kind, options: DocumentOptions) -> str:
    """The number stands right above the first words, so that no chunk parts the two."""
    keeps = options.preserve_formatting
    text = page.markdown.strip("\n") if keeps else _words(page, kind)
    if page.number is None or not options.page_numbers or not text:
        return text
    word = "Slide" if kind in {Kind.PPTX, Kind.PPT, Kind.ODP} else "Page"
    gap = "\n\n" if _NEEDS_BLANK_LINE.match(text) else "\n"
    return f"[{word} {page.number}]{gap}{text}"


def _facts(content: Content, size: int, language: str | None) -> dict[str, str]:
    return dict(_told_facts(content, size, language))


def _told_facts(content: Content, size: int, language: str | None) -> Iterator[tuple[str, str]]:
    facts = content.facts
    if facts.page_count:
        yield "Page Count", str(facts.page_count)
    yield "Word Count", str(word_count(content))
    yield "Document Type", content.kind.value
    told = {
        "Language": language,
        "Title": facts.title,
        "Author": facts.author,
        "Created": facts.created,
        "Encoding": content.encoding,
    }
    yield from ((name, value) for name, value in told.items() if value)
    yield "File Size", f"{size} bytes"
