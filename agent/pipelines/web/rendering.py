"""Writes a page the ways that MoRAG, programs and people read it."""

import json
import re
from dataclasses import asdict

from agent.model.ids import JsonObject
from agent.pipelines.document.rendering import as_plain_text
from agent.pipelines.markdown import deepen_headings, head, one_line
from agent.pipelines.web.content import WebPage, host_of

_LEVELS_DOWN = 2
"""Below `## Main Content`."""
_HEADING = re.compile(r"^(#{1,6})[ \t]+(.*)$", re.MULTILINE)
_WORD = re.compile(r"\w\S*")
_LINK = re.compile(r"(?<!!)\[((?:[^\[\]]|\\[\[\]])*)\]\([^)\s]*\)")


def as_markdown(page: WebPage, filename: str, language: str | None) -> str:
    facts = page.facts
    told = {
        "URL": facts.url,
        "Title": facts.title,
        "Author": facts.author,
        "Date": facts.date,
        "Description": facts.description,
        "Site": facts.site,
        "Words": str(word_count(page)),
        "Language": language,
    }
    opening = head(
        f"Web Page: {title_of(page, filename)}",
        "Page Information",
        {name: value for name, value in told.items() if value},
    )
    links = "\n".join(f"- [{_escaped(link.text)}]({link.url})" for link in page.links)
    listed = f"\n## Links\n\n{links}\n" if links else ""
    return f"{opening}\n## Main Content\n\n{_body(page)}\n{listed}"


def as_json(page: WebPage, filename: str, language: str | None) -> str:
    facts: JsonObject = asdict(page.facts)
    told: JsonObject = {
        "filename": filename,
        **facts,
        "title": title_of(page, filename),
        "language": language,
        "domain": domain_of(page),
        "word_count": word_count(page),
        "encoding": page.encoding,
        "links": [asdict(link) for link in page.links],
        "warnings": [*page.warnings],
    }
    return json.dumps(told, ensure_ascii=False, indent=1) + "\n"


def as_text(page: WebPage) -> str:
    return as_plain_text(_LINK.sub(r"\1", page.markdown)) + "\n"


def title_of(page: WebPage, filename: str) -> str:
    return page.facts.title or filename


def domain_of(page: WebPage) -> str | None:
    return host_of(page.facts.url) if page.facts.url else None


def word_count(page: WebPage) -> int:
    return len(_WORD.findall(_LINK.sub(r"\1", page.markdown)))


def _body(page: WebPage) -> str:
    """The headings below those of ours; the page's title is above them already."""
    body = page.markdown
    first = _HEADING.match(body)
    if first and one_line(first[2]) == one_line(page.facts.title or ""):
        body = body[first.end() :].lstrip("\n")
    highest = min((len(found[1]) for found in _HEADING.finditer(body)), default=1)
    for _ in range(_LEVELS_DOWN + 1 - highest):
        body = deepen_headings(body)
    return body


def _escaped(text: str) -> str:
    return text.replace("[", "\\[").replace("]", "\\]")
