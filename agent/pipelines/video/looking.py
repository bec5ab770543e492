"""Looks at one small picture without understanding it: its colours, sharpness and brightness."""

from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt
from av.video.frame import VideoFrame
from av.video.reformatter import VideoReformatter

Pixels = npt.NDArray[np.uint8]
Colours = npt.NDArray[np.float32]

_SMALL = (64, 36)
"""Noise and compression vanish at this size, and cuts do not."""
_SHARP_WIDTH = 320
_MOVED = 75.0
"""Mean difference of all values; a quarter of that is fast movement, and half of it a cut."""
_COLOURFUL = 2.5
"""How much more a change of colours may count than that of the values."""
_HUES, _SATURATIONS, _VALUES = 16, 8, 16


@dataclass(frozen=True, slots=True)
class Glance:
    """A frame as one remembers it."""

    time: float
    """Seconds from the start of the file."""
    picture: Pixels
    colours: Colours

    @property
    def brightness(self) -> float:
        """Mean, 0 to 255."""
        return float(self.picture.mean())


def colours(picture: Pixels) -> Colours:
    """Two histograms in one, hue with saturation and brightness; its sum is 1."""
    hsv = cv2.cvtColor(picture, cv2.COLOR_BGR2HSV)
    tints = cv2.calcHist([hsv], [0, 1], None, [_HUES, _SATURATIONS], [0, 180, 0, 256])
    lights = cv2.calcHist([hsv], [2], None, [_VALUES], [0, 256])
    both = np.concatenate([tints.ravel(), lights.ravel()])
    found: Colours = (both / both.sum()).astype(np.float32)
    return found


def distance(one: Glance, other: Glance) -> float:
    """Bhattacharyya's, of the colours: 0 for the same ones, 1 for none in common.

    Says whether two frames that lie seconds apart may be of one shot, however much moved.
    """
    return float(cv2.compareHist(one.colours, other.colours, cv2.HISTCMP_BHATTACHARYYA))


def change(one: Glance, other: Glance) -> float:
    """Of neighbours: other colours, and also elsewhere, or the same ones all elsewhere.

    Other colours alone do not count: where it is nearly black, a shade more changes them all.
    """
    shift = moved(one, other)
    return max(shift, min(distance(one, other), _COLOURFUL * shift))


def moved(one: Glance, other: Glance) -> float:
    """How much the pictures differ place by place, on the scale of `distance`."""
    return float(cv2.absdiff(one.picture, other.picture).mean()) / _MOVED


@dataclass(frozen=True, slots=True)
class Look:
    """What a frame is worth as a picture of its scene."""

    sharpness: float
    """Variance of the Laplacian, at one size for all."""
    brightness: float
    """Mean, 0 to 255."""
    contrast: float
    """Standard deviation of the brightness."""


class Eye:
    """Looks at frames of one video. It keeps its scalers: making one takes longer than using it."""

    def __init__(self) -> None:
        self._small, self._grey = VideoReformatter(), VideoReformatter()

    def glance(self, time: float, frame: VideoFrame) -> Glance:
        scaled = self._small.reformat(frame, *_SMALL, "bgr24", interpolation="AREA")
        picture = scaled.to_ndarray().astype(np.uint8, copy=False)
        return Glance(time, picture, colours(picture))

    def look(self, frame: VideoFrame) -> Look:
        height = min(4 * _SHARP_WIDTH, max(2, round(_SHARP_WIDTH * frame.height / frame.width)))
        scaled = self._grey.reformat(frame, _SHARP_WIDTH, height, "gray", interpolation="AREA")
        grey = scaled.to_ndarray()
        return Look(
            sharpness=float(cv2.Laplacian(grey, cv2.CV_32F).var()),
            brightness=float(grey.mean()),
            contrast=float(grey.std()),
        )
