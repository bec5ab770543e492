"""What a text reader is to the rest: pixels in, lines of text with their places out."""

from dataclasses import dataclass
from typing import Protocol, TypeAlias

import numpy as np
import numpy.typing as npt

Pixels: TypeAlias = npt.NDArray[np.uint8]
"""Height x width x 3: red, green, blue."""


@dataclass(frozen=True, slots=True)
class Box:
    """An upright rectangle in pixels; y grows downwards."""

    left: float
    top: float
    right: float
    bottom: float

    @property
    def width(self) -> float:
        return self.right - self.left

    @property
    def height(self) -> float:
        return self.bottom - self.top

    @property
    def middle(self) -> float:
        """Half-way down."""
        return (self.top + self.bottom) / 2


@dataclass(frozen=True, slots=True)
class Line:
    """A piece of text on one line: all of it, or what stands in one cell or column."""

    text: str
    confidence: float
    """0 to 1: the mean over its characters."""
    box: Box
    slope: float = 0.0
    """How far it sinks with each pixel to the right: 0.035 on a page that is 2 degrees askew."""


class Ocr(Protocol):
    @property
    def name(self) -> str:
        """Of the library and its model, for the record."""

    def lines(self, pixels: Pixels) -> tuple[Line, ...]:
        """What can be read, in no order (`layout` knows one). What is mere noise is left out."""
