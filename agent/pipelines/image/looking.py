"""Asks the box what is in an image file, and trusts nothing that it says."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, TypeAlias

import numpy as np
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from agent.model.ids import Bytes, Seconds
from agent.pipelines.box.limits import Limits
from agent.pipelines.box.running import Box
from agent.pipelines.box.scratch import opened
from agent.pipelines.errors import MediaUnreadableError
from agent.pipelines.image.wanted import (
    MOST_PIXELS_KEPT,
    MOST_PIXELS_KEPT_OF_MANY,
    Wanted,
    page_name,
)
from agent.pipelines.ocr.engine import Pixels

_MOST_PAGES = 200
_PAGE_LIMIT = Bytes(3 * MOST_PIXELS_KEPT)

_Side: TypeAlias = Annotated[int, Field(ge=1, le=2**31)]
_Text: TypeAlias = Annotated[str, Field(max_length=100)]
_Number: TypeAlias = Annotated[float, Field(allow_inf_nan=False)]


class _Said(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)


class PageSize(_Said):
    """Of the pixels that are kept, which may be fewer than the file's."""

    number: Annotated[int, Field(ge=1)]
    """Among all of the file's pages or frames; the first is 1."""
    width: _Side
    height: _Side


class Facts(_Said):
    """What a file says of itself."""

    format: _Text
    mode: _Text
    """Pillow's word for its colours."""
    bits: int
    width: _Side
    """Of the upright picture."""
    height: _Side
    page_count: Annotated[int, Field(ge=1)]
    is_animated: bool
    dpi: Annotated[list[_Number], Field(min_length=2, max_length=2)] | None
    profile: _Text | None
    tags: dict[_Text, _Text | _Number]
    pages: Annotated[list[PageSize], Field(min_length=1, max_length=_MOST_PAGES)]
    is_cut: bool


@dataclass(frozen=True, slots=True)
class Picture:
    """Its pages' pixels are on the disk, and only one at a time in memory."""

    facts: Facts
    scratch: Path

    def pixels(self, page: int) -> Pixels:
        """Of one of `facts.pages`; upright, 8-bit sRGB."""
        size = self.facts.pages[page]
        wanted = size.width * size.height * 3
        if wanted > _PAGE_LIMIT:
            raise MediaUnreadableError("the reader of the image kept more than it may.")
        with opened(self.scratch, page_name(page)) as file:
            raw = file.read(wanted + 1)
        if len(raw) != wanted:
            raise MediaUnreadableError("the reader of the image kept another page than it says.")
        return np.frombuffer(raw, np.uint8).reshape(size.height, size.width, 3)


def look(
    box: Box, file: Path, scratch: Path, wanted: Wanted, on_page: Callable[[float], None]
) -> Picture:
    """Raises `PipelineError`; tells `on_page` how many pages or frames are behind it."""
    most = max(MOST_PIXELS_KEPT, wanted.most_pages * MOST_PIXELS_KEPT_OF_MANY)
    limits = Limits(cpu=Seconds(600.0), written=Bytes(3 * most + 1024**2))
    answer = box.read("image", file, scratch, wanted.as_arguments(), limits=limits, on_told=on_page)
    try:
        return Picture(Facts.model_validate(answer), scratch)
    except ValidationError as error:
        raise MediaUnreadableError("the reader of the image made no sense.") from error
