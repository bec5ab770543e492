"""Text as pictures: set in the font that OpenCV carries for most scripts, and one photograph."""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from importlib.resources import files

import cv2
import jiwer
import numpy as np

from agent.pipelines.ocr.engine import Pixels

BLACK = (0, 0, 0)

PHOTOGRAPHED = [
    "Region-based segmentation",
    "Let us first determine markers of the coins and the",
    "background. These markers are pixels that we can label",
    "unambiguously as either object or background. Here,",
    "the markers are found at the two extreme parts of the",
    "histogram of grey values:",
    ">>> markers = np.zeros_like(coins)",
]


@dataclass(frozen=True, slots=True)
class Text:
    words: str
    left: int
    baseline: int
    size: int = 28


def page(texts: Iterable[Text], width: int = 1000, height: int = 700) -> Pixels:
    """Black on white."""
    return write_on(np.full((height, width, 3), 255, np.uint8), texts)


def photograph() -> Pixels:
    """A camera's view of a printed page that says `PHOTOGRAPHED`, small, bent and in the shade.

    It is scikit-image's sample `page.png`, 384x191 pixels.
    """
    encoded = (files("skimage") / "data" / "page.png").read_bytes()
    decoded = cv2.imdecode(np.frombuffer(encoded, np.uint8), cv2.IMREAD_COLOR)
    return np.asarray(decoded, np.uint8)


def write_on(picture: Pixels, texts: Iterable[Text], color: tuple[int, int, int] = BLACK) -> Pixels:
    picture = picture.copy()
    font = cv2.FontFace("uni")
    for text in texts:
        cv2.putText(picture, text.words, (text.left, text.baseline), color, font, text.size)
    return picture


def column(
    lines: Iterable[str], left: int, top: int, size: int = 28, pitch: float = 1.6
) -> list[Text]:
    """Lines below each other; the first stands on `top` and a line."""
    step = round(size * pitch)
    return [Text(line, left, top + size + n * step, size) for n, line in enumerate(lines)]


def turned(picture: Pixels, degrees: float) -> Pixels:
    """Askew as from a scanner; what comes into sight is white."""
    height, width = picture.shape[:2]
    turn = cv2.getRotationMatrix2D((width / 2, height / 2), degrees, 1.0)
    return np.asarray(
        cv2.warpAffine(picture, turn, (width, height), borderValue=(255, 255, 255)), np.uint8
    )


def character_error_rate(set_as: str, read: str) -> float:
    """Blanks do not count: where a line ends is no question of letters."""
    return float(jiwer.cer(re.sub(r"\s+", "", set_as), re.sub(r"\s+", "", read) or "-"))
