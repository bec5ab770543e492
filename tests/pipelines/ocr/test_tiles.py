from itertools import pairwise

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from agent.pipelines.ocr.engine import Box
from agent.pipelines.ocr.tiles import Quad, Tile, bounds, joined, tiles

SIDE, OVERLAP = 400, 80


def quad(box: Box) -> Quad:
    corners = [
        (box.left, box.top),
        (box.right, box.top),
        (box.right, box.bottom),
        (box.left, box.bottom),
    ]
    return np.array(corners, np.float32)


def seen(tile: Tile, boxes: list[Box]) -> list[Quad]:
    """What a finder sees of them in `tile`, in its coordinates."""
    parts = (
        Box(
            max(box.left, tile.left) - tile.left,
            max(box.top, tile.top) - tile.top,
            min(box.right, tile.right) - tile.left,
            min(box.bottom, tile.bottom) - tile.top,
        )
        for box in boxes
    )
    return [quad(part) for part in parts if part.width > 0 and part.height > 0]


@given(st.integers(1, 3000), st.integers(1, 3000))
def test_tiles_cover_everything_and_overlap(height: int, width: int) -> None:
    cut = tiles(height, width, SIDE, OVERLAP)

    columns = sorted({(tile.left, tile.right) for tile in cut})
    assert columns[0][0] == 0
    assert columns[-1][1] == width
    assert all(0 < right - left <= SIDE for left, right in columns)
    assert all(one[1] - other[0] >= OVERLAP for one, other in pairwise(columns))
    rows = {(tile.top, tile.bottom) for tile in cut}
    assert max(bottom for _, bottom in rows) == height
    assert len(cut) == len(columns) * len(rows)


def test_a_page_that_fits_is_one_tile() -> None:
    assert tiles(SIDE, 10, SIDE, OVERLAP) == (Tile(0, 0, 10, SIDE),)


across = st.builds(
    lambda row, left, width: Box(left, 40.0 * row, left + width, 40.0 * row + 30),
    st.integers(0, 24),
    st.integers(0, 600),
    st.integers(20, 600),
)
down = st.builds(
    lambda column, top, height: Box(40.0 * column, top, 40.0 * column + 30, top + height),
    st.integers(0, 24),
    st.integers(0, 600),
    st.integers(60, 600),
)


@given(
    st.lists(across, unique_by=lambda box: box.top) | st.lists(down, unique_by=lambda box: box.left)
)
def test_each_line_is_found_once_and_whole_however_it_was_cut(boxes: list[Box]) -> None:
    found = [(tile, seen(tile, boxes)) for tile in tiles(1200, 1200, SIDE, OVERLAP)]

    whole = [bounds(one) for one in joined(found)]

    assert sorted(whole, key=str) == sorted(boxes, key=str)


def test_two_cells_of_a_row_stay_two() -> None:
    boxes = [Box(100, 0, 330, 30), Box(360, 0, 700, 30)]
    found = [(tile, seen(tile, boxes)) for tile in tiles(100, 720, SIDE, OVERLAP)]

    assert sorted(bounds(one).left for one in joined(found)) == [100, 360]


def test_a_sloping_line_keeps_its_slope() -> None:
    corners = [(0, 0), (700, 35), (700, 65), (0, 30)]
    left = np.array([(0, 0), (400, 20), (400, 50), (0, 30)], np.float32)
    right = np.array([(0, 16), (380, 35), (380, 65), (0, 46)], np.float32)

    (whole,) = joined([(Tile(0, 0, 400, 100), [left]), (Tile(320, 0, 720, 100), [right])])

    assert whole.tolist() == [[float(x), float(y)] for x, y in corners]
