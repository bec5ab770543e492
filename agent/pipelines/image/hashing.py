"""Fingerprints that stay the same when a picture is resized, recompressed or made a bit brighter.

Two pictures are likely the same where their fingerprints differ in at most about 10 of 64 bits.
"""

import numpy as np
import numpy.typing as npt
from PIL import Image

from agent.pipelines.ocr.engine import Pixels

_SIDE = 8
_WAVES = 32
"""Rows and columns that `perceptual_hash` looks at: four times what it keeps."""


def perceptual_hash(pixels: Pixels) -> str:
    """64 bits in hex: which of the broad waves of brightness are stronger than the middle one."""
    waves = _cosines(_WAVES) @ _gray(pixels, _WAVES, _WAVES) @ _cosines(_WAVES).T
    broad = waves[:_SIDE, :_SIDE]
    return _hex(broad > np.median(broad))


def difference_hash(pixels: Pixels) -> str:
    """64 bits in hex: where it gets brighter to the right."""
    gray = _gray(pixels, _SIDE + 1, _SIDE)
    return _hex(gray[:, 1:] > gray[:, :-1])


def distance(one: str, other: str) -> int:
    """How many bits of two fingerprints differ."""
    return (int(one, 16) ^ int(other, 16)).bit_count()


def _gray(pixels: Pixels, width: int, height: int) -> npt.NDArray[np.float64]:
    small = Image.fromarray(pixels).convert("L").resize((width, height), Image.Resampling.BOX)
    return np.asarray(small, np.float64)


def _cosines(count: int) -> npt.NDArray[np.float64]:
    """The discrete cosine transform (type II) as a matrix; one row is one wave."""
    wave, place = np.arange(count)[:, None], np.arange(count)[None, :]
    return np.cos(np.pi * wave * (2 * place + 1) / (2 * count))


def _hex(bits: npt.NDArray[np.bool_]) -> str:
    return np.packbits(bits.ravel()).tobytes().hex()
