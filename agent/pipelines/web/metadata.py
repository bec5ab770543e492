"""Finds out what a page says about itself: in its meta tags, Open Graph and JSON-LD."""

import json
from collections.abc import Iterator, Mapping

import lxml.html
from trafilatura import extract_metadata

from agent.pipelines.document.html import facts_of
from agent.pipelines.web.content import PageFacts, host_of

_DATES = {"extensive_search": False, "original_date": True, "outputformat": "%Y-%m-%d"}
"""Only a date that the page marks as its own: one in its text may be any."""
_MOST_JSON = 512 * 1024
_JSON_LD = "application/ld+json"
_DEEPEST = 6


def page_facts(tree: lxml.html.HtmlElement, url: str | None) -> PageFacts:
    linked = _linked_facts(tree)
    plain = facts_of(tree)
    found = extract_metadata(tree, default_url=url, date_config=_DATES, extensive=False).as_dict()
    address = url or _http(_told(found.get("url")))
    return PageFacts(
        url=address,
        title=_told(linked.get("headline")) or _told(found.get("title")) or plain.title,
        author=_names(linked.get("author")) or _told(found.get("author")) or plain.author,
        date=_told(linked.get("datePublished")) or _told(found.get("date")) or plain.created,
        description=_told(found.get("description")) or _told(linked.get("description")),
        language=plain.language or _told(linked.get("inLanguage")),
        site=_told(found.get("sitename")),
    )


def _linked_facts(tree: lxml.html.HtmlElement) -> Mapping[str, object]:
    """Of the first thing in the page's JSON-LD that has a headline."""
    scripts = (each.text or "" for each in tree.iter("script") if each.get("type") == _JSON_LD)
    things = (thing for text in scripts for thing in _objects(_parsed(text), _DEEPEST))
    return next((thing for thing in things if "headline" in thing), {})


def _parsed(text: str) -> object:
    try:
        return json.loads(text) if len(text) < _MOST_JSON else None
    except (ValueError, RecursionError):
        return None


def _objects(value: object, depth: int) -> Iterator[Mapping[str, object]]:
    if depth and isinstance(value, list):
        for each in value:
            yield from _objects(each, depth - 1)
    elif depth and isinstance(value, dict):
        yield value
        yield from _objects(value.get("@graph"), depth - 1)


def _names(value: object) -> str | None:
    people = value if isinstance(value, list) else [value]
    names = [_told(each.get("name") if isinstance(each, dict) else each) for each in people]
    return ", ".join(name for name in names if name) or None


def _told(value: object) -> str | None:
    return " ".join(value.split())[:500] or None if isinstance(value, str) else None


def _http(url: str | None) -> str | None:
    return url if url and host_of(url) else None
