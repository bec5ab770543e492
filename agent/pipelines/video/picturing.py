"""Makes a picture of a frame: upright, with square pixels, in colours that any screen shows."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from av.video.frame import VideoFrame
from PIL import Image

Rgb = npt.NDArray[np.uint8]
Light = npt.NDArray[np.float32]

_PQ, _HLG = 16, 18
_WHITE_NITS = 203.0
"""Of a sheet of paper in HDR, by ITU-R BT.2408; what shines more is compressed towards white."""
_BRIGHTEST = 1000.0 / _WHITE_NITS
_HLG_KNEE, _SRGB_KNEE = 0.5, 0.0031308
_TO_BT709 = np.array(
    [[1.6605, -0.5876, -0.0728], [-0.1246, 1.1329, -0.0083], [-0.0182, -0.1006, 1.1187]], np.float32
)
"""From the primaries of BT.2020, by ITU-R BT.2087."""


@dataclass(frozen=True, slots=True)
class Shape:
    """Of the pictures of one track."""

    width: int
    """As stored."""
    height: int
    aspect: float
    """Of one pixel: how much wider than high."""
    rotation: int

    @classmethod
    def of(cls, frame: VideoFrame, aspect: float) -> "Shape":
        return cls(frame.width, frame.height, aspect, frame.rotation)

    def stored_size(self, most_width: int, most_height: int) -> tuple[int, int]:
        """The size to scale a stored frame to, so that upright it fits; never larger than it is."""
        if self.rotation % 180:
            most_width, most_height = most_height, most_width
        width = self.width * max(1.0, self.aspect)
        height = self.height / min(1.0, self.aspect)
        scale = min(1.0, most_width / width, most_height / height)
        return max(1, round(width * scale)), max(1, round(height * scale))


def picture(frame: VideoFrame, aspect: float, most_width: int, most_height: int) -> Image.Image:
    """Fits into the given size."""
    width, height = Shape.of(frame, aspect).stored_size(most_width, most_height)
    transfer = int(frame.color_trc)
    if transfer in {_PQ, _HLG}:
        pixels = _tone_mapped(frame, width, height, transfer)
    else:
        scaled = frame.reformat(width=width, height=height, format="rgb24", interpolation="AREA")
        pixels = scaled.to_ndarray().astype(np.uint8, copy=False)
    return Image.fromarray(np.ascontiguousarray(np.rot90(pixels, frame.rotation // 90 % 4)))


def _tone_mapped(frame: VideoFrame, width: int, height: int, transfer: int) -> Rgb:
    scaled = frame.reformat(width=width, height=height, format="rgb48le", interpolation="AREA")
    signal = scaled.to_ndarray().astype(np.float32) / np.float32(65535)
    light = _pq_light(signal) if transfer == _PQ else _hlg_light(signal)
    return as_srgb(np.clip(light @ _TO_BT709.T, 0, None))


def _pq_light(signal: Light) -> Light:
    """SMPTE ST 2084: light as a multiple of paper white."""
    m1, m2 = 2610 / 16384, 2523 / 4096 * 128
    c1, c2, c3 = 3424 / 4096, 2413 / 4096 * 32, 2392 / 4096 * 32
    root = np.power(signal, 1 / m2)
    nits = 10000 * np.power(np.maximum(root - c1, 0) / (c2 - c3 * root), 1 / m1)
    light: Light = (nits / _WHITE_NITS).astype(np.float32)
    return light


def _hlg_light(signal: Light) -> Light:
    """ARIB STD-B67 on a screen of 1000 nits: light as a multiple of paper white."""
    a, b, c = 0.17883277, 0.28466892, 0.55991073
    scene = np.where(signal <= _HLG_KNEE, signal**2 / 3, (np.exp((signal - c) / a) + b) / 12)
    brightness = scene @ np.array([0.2627, 0.678, 0.0593], np.float32)
    light: Light = (scene * np.power(brightness, 0.2)[..., None] * _BRIGHTEST).astype(np.float32)
    return light


def as_srgb(light: Light) -> Rgb:
    """Reinhard's curve, which keeps the dark and brings what is too bright just to white."""
    mapped = np.clip(light * (1 + light / _BRIGHTEST**2) / (1 + light), 0, 1)
    gamma = np.where(
        mapped <= _SRGB_KNEE, 12.92 * mapped, 1.055 * np.power(mapped, 1 / 2.4) - 0.055
    )
    pixels: Rgb = np.round(gamma * 255).astype(np.uint8)
    return pixels
