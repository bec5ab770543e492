"""Cuts a picture that is too large to be looked at as a whole, and joins what was cut through.

Text is *found* in tiles, which overlap so that what an edge cuts in one is seen in the next. It is
*read* from the whole picture afterwards: no line is ever read in two halves.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from agent.pipelines.ocr.engine import Box

Quad = npt.NDArray[np.float32]
"""Four corners (x, y) of a piece of text: upper left, upper right, lower right, lower left."""

SIDE = 4096
"""The finder looks at half of that, and sees letters of ten pixels even then."""
OVERLAP = 256
"""More than the height of any text but a poster's, and that fits into one tile."""
_SAME_ROW = 0.6
"""Two pieces of one line have at least this share of the lower one's height in common."""
_WHOLE = 0.8
"""The share of the thickness of one end from which on the other is as good."""
_UPRIGHT = 1.5
"""Times its width: the height from which on a piece of text runs downwards."""


@dataclass(frozen=True, slots=True)
class Tile:
    left: int
    top: int
    right: int
    bottom: int


def tiles(height: int, width: int, side: int = SIDE, overlap: int = OVERLAP) -> tuple[Tile, ...]:
    """Of nearly one size, no side longer than `side`; neighbours share at least `overlap`."""
    return tuple(
        Tile(left, top, right, bottom)
        for top, bottom in _stretches(height, side, overlap)
        for left, right in _stretches(width, side, overlap)
    )


def _stretches(length: int, side: int, overlap: int) -> Iterator[tuple[int, int]]:
    count = 1 if length <= side else -(-(length - overlap) // (side - overlap))
    size = -(-(length + (count - 1) * overlap) // count)
    for number in range(count):
        start = (length - size) * number // max(1, count - 1)
        yield start, start + size


@dataclass(frozen=True, slots=True)
class _Piece:
    quad: Quad
    bounds: Box
    seen_in: frozenset[int]

    @classmethod
    def of(cls, quad: Quad, seen_in: frozenset[int]) -> "_Piece":
        return cls(quad, bounds(quad), seen_in)

    def is_of_one_line_with(self, other: "_Piece") -> bool:
        # What one tile sees as two, is two.
        if not self.seen_in.isdisjoint(other.seen_in):
            return False
        one, two = self.bounds, other.bounds
        common_width = min(one.right, two.right) - max(one.left, two.left)
        common_height = min(one.bottom, two.bottom) - max(one.top, two.top)
        if _runs_down(one) and _runs_down(two):
            return common_height > 0 and common_width > _SAME_ROW * min(one.width, two.width)
        return common_width > 0 and common_height > _SAME_ROW * min(one.height, two.height)

    def with_rest(self, other: "_Piece") -> "_Piece":
        return _Piece.of(_union(self, other), self.seen_in | other.seen_in)


def joined(found: Sequence[tuple[Tile, Sequence[Quad]]]) -> list[Quad]:
    """Each piece of text once, in the picture's coordinates; `found` has them in each tile's."""
    whole: list[_Piece] = []
    for number, (tile, quads) in enumerate(found):
        offset = np.array([tile.left, tile.top], np.float32)
        for quad in quads:
            whole = _with(whole, _Piece.of(quad + offset, frozenset({number})))
    return [piece.quad for piece in whole]


def _with(known: list[_Piece], piece: _Piece) -> list[_Piece]:
    apart = []
    for other in known:
        if piece.is_of_one_line_with(other):
            piece = piece.with_rest(other)
        else:
            apart.append(other)
    return [*apart, piece]


def bounds(quad: Quad) -> Box:
    (left, top), (right, bottom) = quad.min(axis=0).tolist(), quad.max(axis=0).tolist()
    return Box(left, top, right, bottom)


def _runs_down(box: Box) -> bool:
    return box.height > _UPRIGHT * box.width


def _union(one: _Piece, other: _Piece) -> Quad:
    """Each end from the piece that reaches further."""
    first, last = _ALONG_DOWN if _runs_down(one.bounds) and _runs_down(other.bounds) else _ALONG
    quad = np.empty((4, 2), np.float32)
    for end, sign in ((first, -1.0), (last, 1.0)):
        quad[list(end.corners)] = end.better(one.quad, other.quad, sign)
    return quad


@dataclass(frozen=True, slots=True)
class _End:
    """One of the two ends of a line: two of the four corners."""

    corners: tuple[int, int]
    axis: int
    """That text runs along."""

    def better(self, one: Quad, other: Quad, sign: float) -> Quad:
        ends = [quad[list(self.corners)] for quad in (one, other)]
        reach = [float(sign * end[:, self.axis].mean()) for end in ends]
        thick = [float(np.ptp(end[:, 1 - self.axis])) for end in ends]
        is_cut = min(thick) < _WHOLE * max(thick)
        # A sliver that a tile's edge has left is no end while there is a whole one.
        rank = thick if is_cut and abs(reach[0] - reach[1]) < max(thick) else reach
        return ends[0] if rank[0] >= rank[1] else ends[1]


_ALONG = (_End((0, 3), 0), _End((1, 2), 0))
_ALONG_DOWN = (_End((0, 1), 1), _End((3, 2), 1))
