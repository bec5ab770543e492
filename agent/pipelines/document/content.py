"""What the box hands back of a document; outside, nothing in it is believed unchecked."""

import json
from dataclasses import asdict, dataclass, field

from pydantic import TypeAdapter, ValidationError

from agent.model.ids import JsonObject
from agent.pipelines.document.kinds import Kind
from agent.pipelines.errors import MediaUnreadableError


@dataclass(frozen=True, slots=True)
class Table:
    page: int | None
    rows: list[list[str]]


@dataclass(frozen=True, slots=True)
class Page:
    """A page, a slide, a sheet or a chapter; or all of a document that has none of these."""

    markdown: str
    number: int | None = None
    """From 1; None where a page has no number that a reader would see."""
    is_scanned: bool = False
    """There is something to see on it, but hardly a word in it."""
    is_recognised: bool = False
    """Its text was seen, not read: a letter here or there may be wrong."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """What the document says about itself; any of it may be absent or wrong."""

    title: str | None = None
    author: str | None = None
    created: str | None = None
    language: str | None = None
    page_count: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Content:
    kind: Kind
    pages: list[Page]
    facts: Facts = field(default_factory=Facts)
    tables: list[Table] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)
    encoding: str | None = None

    def as_json(self) -> JsonObject:
        return asdict(self)

    @classmethod
    def of(cls, answer: JsonObject) -> "Content":
        try:
            # As JSON again: only there does strict checking let an object stand for a dataclass.
            return _ADAPTER.validate_json(json.dumps(answer), strict=True)
        except ValidationError as error:
            raise MediaUnreadableError("the reader of the document answered nonsense.") from error


_ADAPTER = TypeAdapter(Content)
