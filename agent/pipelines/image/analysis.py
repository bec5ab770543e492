"""All that was found out about one image."""

from collections.abc import Container
from dataclasses import dataclass
from functools import cached_property

from agent.model.ids import Bytes
from agent.pipelines.image.colors import Color
from agent.pipelines.image.looking import Facts, PageSize
from agent.pipelines.ocr.engine import Line
from agent.pipelines.ocr.layout import as_paragraphs, in_reading_order

_SPACES = {
    "1": "Black and White",
    "L": "Grayscale",
    "I": "Grayscale",
    "F": "Grayscale",
    "LA": "Grayscale with Transparency",
    "P": "Palette",
    "PA": "Palette with Transparency",
    "RGBA": "RGB with Transparency",
}
"""By Pillow's words."""
_DEEP = 16


@dataclass(frozen=True)
class ReadPage:
    """One page or frame, and what is written on it."""

    size: PageSize
    lines: tuple[Line, ...] = ()

    @cached_property
    def ordered(self) -> tuple[Line, ...]:
        return in_reading_order(self.lines)

    @cached_property
    def paragraphs(self) -> tuple[str, ...]:
        return as_paragraphs(self.lines)


@dataclass(frozen=True, slots=True)
class Look:
    """What the first page looks like."""

    colors: tuple[Color, ...]
    perceptual_hash: str
    difference_hash: str


@dataclass(frozen=True, kw_only=True)
class Analysis:
    filename: str
    file_size: Bytes
    facts: Facts
    look: Look
    pages: tuple[ReadPage, ...]
    reader: str | None
    """The text reader; None where nothing was read."""
    caption: str | None = None
    captioner: str | None = None
    language: str | None = None
    """As the sender says."""
    warnings: tuple[str, ...] = ()

    @cached_property
    def texts(self) -> tuple[tuple[int, tuple[str, ...]], ...]:
        """Number and paragraphs of each page on which something is written.

        Frames say most things many times over, so of them only new lines count.
        """
        told: set[str] = set()
        texts = []
        for page in self.pages:
            paragraphs = page.paragraphs
            if self.facts.is_animated:
                paragraphs = tuple(filter(None, (_without(told, one) for one in paragraphs)))
                told.update(line for one in paragraphs for line in one.split("\n"))
            if paragraphs:
                texts.append((page.size.number, paragraphs))
        return tuple(texts)

    @property
    def text(self) -> str:
        return "\n\n".join(paragraph for _, paragraphs in self.texts for paragraph in paragraphs)

    @property
    def word_count(self) -> int:
        return len(self.text.split())

    @property
    def confidence(self) -> float | None:
        """Of all the text, a long line counting more; None without any."""
        lines = [line for page in self.pages for line in page.lines]
        letters = sum(len(line.text) for line in lines)
        if not letters:
            return None
        return round(sum(line.confidence * len(line.text) for line in lines) / letters, 4)

    @property
    def color_space(self) -> str:
        mode = self.facts.mode.partition(";")[0]
        depth = f", {_DEEP} bit" if self.facts.bits == _DEEP else ""
        profile = f" ({self.facts.profile})" if self.facts.profile else ""
        return f"{_SPACES.get(mode, mode)}{depth}{profile}"


def _without(told: Container[str], paragraph: str) -> str:
    return "\n".join(line for line in paragraph.split("\n") if line not in told)
