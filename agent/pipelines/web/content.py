"""What the box hands back of a page; outside, nothing in it is believed unchecked."""

import json
from dataclasses import asdict, dataclass, field
from urllib.parse import urlsplit

from pydantic import TypeAdapter, ValidationError

from agent.model.ids import JsonObject
from agent.pipelines.errors import MediaUnreadableError


@dataclass(frozen=True, slots=True, kw_only=True)
class PageFacts:
    """What a page says about itself; any of it may be absent or wrong."""

    url: str | None = None
    title: str | None = None
    author: str | None = None
    date: str | None = None
    description: str | None = None
    language: str | None = None
    site: str | None = None


@dataclass(frozen=True, slots=True)
class Link:
    text: str
    url: str


@dataclass(frozen=True, slots=True, kw_only=True)
class WebPage:
    markdown: str
    """The main content."""
    facts: PageFacts
    encoding: str
    links: list[Link] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)

    def as_json(self) -> JsonObject:
        return asdict(self)

    @classmethod
    def of(cls, answer: JsonObject) -> "WebPage":
        try:
            return _ADAPTER.validate_json(json.dumps(answer), strict=True)
        except ValidationError as error:
            raise MediaUnreadableError("the reader of the page answered nonsense.") from error


def host_of(url: str) -> str | None:
    """None where `url` is no address of the web."""
    try:
        parts = urlsplit(url)
    except ValueError:
        return None
    return parts.hostname if parts.scheme in {"http", "https"} else None


_ADAPTER = TypeAdapter(WebPage)
