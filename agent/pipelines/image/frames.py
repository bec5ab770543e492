"""Inside the box: which frames of a file are worth a look."""

import struct
from collections.abc import Iterator

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageFile

BROKEN = (
    *(OSError, SyntaxError, ValueError, EOFError, TypeError),
    *(LookupError, RuntimeError, struct.error),
)
"""What Pillow has been seen to raise for files that are broken."""
_ANIMATED = frozenset({"GIF", "WEBP", "PNG", "AVIF"})
_PAGED = frozenset({"TIFF", "HEIF"})
"""All else has one picture; what a JPEG file carries beside it is a preview or a depth map."""
_MOST_FRAMES = 500
_MOST_DECODED = 2_000_000_000
"""Pixels of an animation: a minute of work."""
_GRID = 64
_LEVELS, _SHARE = 16, 0.01
"""A frame is new when this share of a coarse view of it differs by so many levels of 256."""


def is_animated(image: Image.Image) -> bool:
    return image.format in _ANIMATED and frame_count(image) > 1


def frame_count(image: Image.Image) -> int:
    """As the file says; this reads the heads of all of them. Raises one of `BROKEN`."""
    if image.format not in _ANIMATED | _PAGED:
        return 1
    try:
        return max(1, int(getattr(image, "n_frames", 1)))
    except BROKEN:
        if not ImageFile.LOAD_TRUNCATED_IMAGES:
            raise
        return _MOST_FRAMES  # as many as come


def each_frame(image: Image.Image) -> Iterator[int]:
    """Goes to one frame after the other, and gives its number; the first is 0."""
    last = frame_count(image)
    if image.format in _ANIMATED:
        last = min(last, _MOST_FRAMES, 1 + _MOST_DECODED // (image.width * image.height))
    for number in range(last):
        image.seek(number)
        yield number


class News:
    """Tells frames that show something new from those that hardly differ from one before."""

    def __init__(self) -> None:
        self._last: npt.NDArray[np.int16] | None = None

    def is_new(self, frame: Image.Image) -> bool:
        small = frame.convert("L").resize((_GRID, _GRID), Image.Resampling.BOX)
        view = np.asarray(small, np.int16)
        if self._last is not None and np.mean(abs(view - self._last) > _LEVELS) < _SHARE:
            return False
        self._last = view
        return True
