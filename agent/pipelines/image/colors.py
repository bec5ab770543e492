"""Which colours a picture is made of, told apart as an eye would."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from PIL import Image

from agent.pipelines.ocr.engine import Pixels

_VIEW = 96
"""Pixels on the longest side: colours need no detail."""
_GROUPS, _ROUNDS = 8, 12
_ALIKE = 12.0
"""CIELAB distance within which two colours are told as one."""
_LEAST_SHARE = 0.02

_Floats = npt.NDArray[np.float64]
_XYZ = np.array(
    [
        [0.4124564, 0.3575761, 0.1804375],
        [0.2126729, 0.7151522, 0.0721750],
        [0.0193339, 0.1191920, 0.9503041],
    ]
)
_WHITE = np.array([0.95047, 1.0, 1.08883])
_LINEAR_BELOW, _CUBE_ROOT_ABOVE = 0.04045, 216 / 24389


@dataclass(frozen=True, slots=True)
class Color:
    hex: str
    """`#rrggbb`."""
    share: float
    """Of the picture, 0 to 1."""


def dominant_colors(pixels: Pixels, most: int = 5) -> tuple[Color, ...]:
    """The greatest first; what covers next to nothing is left out."""
    view = Image.fromarray(pixels)
    view.thumbnail((_VIEW, _VIEW), Image.Resampling.BOX)
    rgb = np.asarray(view, np.uint8).reshape(-1, 3)
    groups = _merged(_grouped(_lab(rgb)), _lab(rgb))
    found = []
    for group in np.unique(groups):
        members = rgb[groups == group]
        red, green, blue = np.median(members, axis=0).astype(int).tolist()
        found.append(Color(f"#{red:02x}{green:02x}{blue:02x}", round(len(members) / len(rgb), 3)))
    found.sort(key=lambda color: (-color.share, color.hex))
    return tuple(color for color in found[:most] if color.share >= _LEAST_SHARE)


def _lab(rgb: Pixels) -> _Floats:
    scaled = rgb / 255.0
    linear = np.where(scaled <= _LINEAR_BELOW, scaled / 12.92, ((scaled + 0.055) / 1.055) ** 2.4)
    xyz = linear @ _XYZ.T / _WHITE
    root = np.where(xyz > _CUBE_ROOT_ABOVE, np.cbrt(xyz), (24389 / 27 * xyz + 16) / 116)
    x, y, z = root.T
    return np.stack([116 * y - 16, 500 * (x - y), 200 * (y - z)], axis=1)


def _grouped(lab: _Floats) -> npt.NDArray[np.intp]:
    """The number of each pixel's group, by k-means. No chance in it: one picture, one answer."""
    centers = _spread(lab)
    groups = _nearest(lab, centers)
    for _ in range(_ROUNDS):
        centers = np.stack(
            [
                lab[groups == n].mean(axis=0) if (groups == n).any() else c
                for n, c in enumerate(centers)
            ]
        )
        groups = _nearest(lab, centers)
    return groups


def _spread(lab: _Floats) -> _Floats:
    """Each as far as can be from those before it, beginning with the middle of all."""
    centers = [np.median(lab, axis=0)]
    nearest = np.linalg.norm(lab - centers[0], axis=1)
    for _ in range(_GROUPS - 1):
        centers.append(lab[nearest.argmax()])
        nearest = np.minimum(nearest, np.linalg.norm(lab - centers[-1], axis=1))
    return np.stack(centers)


def _nearest(lab: _Floats, centers: _Floats) -> npt.NDArray[np.intp]:
    distances = np.linalg.norm(lab[:, None] - centers[None], axis=2)
    nearest: npt.NDArray[np.intp] = distances.argmin(axis=1)
    return nearest


def _merged(groups: npt.NDArray[np.intp], lab: _Floats) -> npt.NDArray[np.intp]:
    """Small groups become part of a greater one that looks alike."""
    numbers, sizes = np.unique(groups, return_counts=True)
    kept: list[tuple[np.intp, _Floats]] = []
    for number in numbers[np.argsort(-sizes, kind="stable")]:
        center = lab[groups == number].mean(axis=0)
        alike = [one for one, other in kept if np.linalg.norm(center - other) < _ALIKE]
        if alike:
            groups = np.where(groups == number, alike[0], groups)
        else:
            kept.append((number, center))
    return groups
