"""What every engine of recognition is to the rest."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol, TypeAlias

import numpy as np
import numpy.typing as npt

Pixels: TypeAlias = npt.NDArray[np.uint8]


@dataclass(frozen=True, slots=True)
class Line:
    text: str
    confidence: float
    box: tuple[float, float, float, float]


class Ocr(Protocol):
    def lines(self, pixels: Pixels, /) -> Sequence[Line]:
        """The lines in a picture of height x width x 3, RGB."""
