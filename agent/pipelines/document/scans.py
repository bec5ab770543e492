"""Recognises the letters on pages that are pictures, a few pages at a time."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Protocol

from pydantic import BaseModel, ConfigDict, ValidationError

from agent.model.ids import Bytes, JsonObject, Seconds
from agent.pipelines.box.limits import Limits
from agent.pipelines.box.running import Box
from agent.pipelines.box.scratch import opened
from agent.pipelines.errors import MediaUnreadableError

_AT_ONCE = 8
"""Pages that lie in the scratch folder at once: 93 MB of A4 at 200 dpi."""
_MOST_BYTES = Bytes(100 * 1024**2)
"""Of one page; see `pdf.rendering`."""
_LIMITS = Limits(
    memory=Bytes(2 * 1024**3), cpu=Seconds(600.0), written=_MOST_BYTES, stall=Seconds(120.0)
)


class Recognise(Protocol):
    """The paragraphs on one page, in reading order."""

    def __call__(self, raw: bytes, width: int, height: int, /) -> Sequence[str]: ...


class _Drawn(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)

    number: int
    name: str
    width: int
    height: int


class _Answer(BaseModel):
    pages: list[_Drawn]


@dataclass(frozen=True, slots=True, kw_only=True)
class Scans:
    """The pages of one PDF, and how they come out of the box."""

    box: Box
    file: Path
    scratch: Path
    password: str | None

    def texts(
        self, numbers: Sequence[int], recognise: Recognise, on_page: Callable[[float], None]
    ) -> dict[int, str]:
        """The text of each page in `numbers`."""
        texts: dict[int, str] = {}
        rest = iter(numbers)
        while batch := list(islice(rest, _AT_ONCE)):
            for page, raw in _pages(self._drawn(batch), self.scratch, batch):
                texts[page.number] = "\n\n".join(recognise(raw, page.width, page.height))
                on_page(len(texts) / len(numbers))
        return texts

    def _drawn(self, numbers: Sequence[int]) -> JsonObject:
        asked: JsonObject = {"numbers": [*numbers], "password": self.password}
        return self.box.read("document_pages", self.file, self.scratch, asked, limits=_LIMITS)


def _pages(
    answer: JsonObject, scratch: Path, wanted: Sequence[int]
) -> Iterator[tuple[_Drawn, bytes]]:
    try:
        pages = _Answer.model_validate(answer).pages
    except ValidationError as error:
        raise MediaUnreadableError("the reader of the pages answered nonsense.") from error
    for page in pages:
        with opened(scratch, page.name) as file:
            raw = file.read(_MOST_BYTES + 1)
        (scratch / page.name).unlink()
        fits = min(page.width, page.height) > 0 and len(raw) == page.width * page.height * 3
        if not fits or page.number not in wanted:
            raise MediaUnreadableError("the reader of the pages left a picture of another size.")
        yield page, raw
