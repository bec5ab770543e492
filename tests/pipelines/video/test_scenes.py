from collections.abc import Sequence
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.pipelines.video.scenes import (
    CUT,
    DIFFERENT,
    SHORTEST,
    STRIKING,
    CutAt,
    Gap,
    Jump,
    LookInside,
    Nothing,
    Step,
    Verdict,
    cuts_among,
    jumps,
    off_beat,
    settled,
    verdict,
)


def gap(distance: float, *heights: float, moved: float = 0.0, is_end_off_beat: bool = False) -> Gap:
    """From 10 to 20 s, with a jump at 11, 12, … s."""
    found = tuple(Jump(11.0 + number, height) for number, height in enumerate(heights))
    return Gap(10.0, 20.0, distance, moved, found, is_end_off_beat)


ALIKE_ENDS, OTHER_ENDS, UNCLEAR_ENDS = 0.1, 0.8, 0.4


@pytest.mark.parametrize(
    ("between", "expected"),
    [
        pytest.param(gap(ALIKE_ENDS), Nothing(), id="nothing happens"),
        pytest.param(gap(ALIKE_ENDS, 1.7), Nothing(), id="a faint jump is a movement"),
        pytest.param(gap(ALIKE_ENDS, 2.5), LookInside(11.0), id="there and back again, perhaps"),
        pytest.param(
            gap(OTHER_ENDS, is_end_off_beat=True), CutAt(20.0), id="the encoder put a key frame"
        ),
        pytest.param(
            gap(OTHER_ENDS, 1.9, 2.4, is_end_off_beat=True), CutAt(20.0), id="… despite movement"
        ),
        pytest.param(
            gap(OTHER_ENDS, 4.0, is_end_off_beat=True), LookInside(11.0), id="one more cut inside"
        ),
        pytest.param(gap(OTHER_ENDS, 5.0), LookInside(11.0), id="one frame stands out"),
        pytest.param(gap(OTHER_ENDS, 5.0, 2.2), LookInside(12.0), id="two frames stand out"),
        pytest.param(gap(OTHER_ENDS), LookInside(10.0), id="no frame stands out: a dissolve?"),
        pytest.param(gap(UNCLEAR_ENDS, 9.0), LookInside(11.0), id="hardly different"),
        pytest.param(
            gap(ALIKE_ENDS, moved=0.6, is_end_off_beat=True),
            LookInside(20.0),
            id="the same colours, elsewhere",
        ),
    ],
)
def test_the_verdict_on_a_gap(between: Gap, expected: Verdict) -> None:
    assert verdict(between) == expected


share = st.floats(0, 1)
heights = st.lists(st.floats(1.6, 50), max_size=5)


@given(share, share, heights, st.booleans())
def test_a_cut_without_a_look_is_proven_by_both_signs(
    distance: float, moved: float, found: Sequence[float], is_off_beat: bool
) -> None:
    between = gap(distance, *found, moved=moved, is_end_off_beat=is_off_beat)
    match verdict(between):
        case CutAt(time):
            assert time == between.end
            assert distance >= DIFFERENT
            assert is_off_beat
            assert all(height < STRIKING for height in found)
        case LookInside(least):
            assert between.start <= least <= between.end
        case Nothing():
            assert distance < DIFFERENT


def test_a_frame_that_takes_many_bytes_stands_out() -> None:
    sizes = np.full(60, 900.0)
    sizes[::4] = 2000.0  # every fourth frame is of a kind that takes more
    sizes[33] = 9000.0

    assert jumps(list(range(60)), sizes) == (Jump(33, 4.5),)


@given(st.lists(st.integers(0, 10**6), max_size=80))
def test_jumps_are_found_in_any_sizes(sizes: list[int]) -> None:
    found = jumps([float(number) for number in range(len(sizes))], np.array(sizes, np.float64))

    assert [jump.time for jump in found] == sorted({jump.time for jump in found})


@pytest.mark.parametrize(
    ("step", "is_cut"),
    [
        pytest.param(Step(2.0, 0.9, 0.05, 0.8), True, id="all is other"),
        pytest.param(Step(2.0, 0.35, 0.05, 0.33), True, id="much is other, where little moved"),
        pytest.param(Step(2.0, 0.9, 0.5, 0.8), True, id="all is other, amid much movement"),
        pytest.param(Step(2.0, 0.9, 0.05, 0.1), False, id="a flash"),
        pytest.param(Step(2.0, 0.45, 0.3, 0.4), False, id="one step of a fade"),
        pytest.param(Step(2.0, CUT - 0.01, 0.0, 0.9), False, id="hardly anything"),
    ],
)
def test_what_is_a_cut(step: Step, *, is_cut: bool) -> None:
    assert cuts_among([step]) == ((2.0,) if is_cut else ())


moments = st.floats(0, 100)


@given(st.lists(moments), moments)
def test_scenes_are_never_shorter_than_the_shortest(cuts: list[float], duration: float) -> None:
    found = settled(cuts, duration)

    edges = [0.0, *found]
    assert set(found) <= set(cuts)
    assert all(b - a >= SHORTEST for a, b in pairwise(edges))
    assert all(cut < duration for cut in found)


@given(st.lists(moments), moments)
def test_settling_again_changes_nothing(cuts: list[float], duration: float) -> None:
    once = settled(cuts, duration)

    assert settled(once, duration) == once


def test_a_key_frame_before_its_time_is_off_the_beat() -> None:
    assert off_beat([0.0, 2.0, 4.0, 6.0, 8.0]) == (False,) * 5
    assert off_beat([0.0, 8.33, 11.2, 19.53, 21.0, 29.33]) == (
        False,
        False,
        True,
        False,
        True,
        False,
    )


@given(st.lists(moments, max_size=30))
def test_every_key_frame_is_on_or_off_the_beat(times: list[float]) -> None:
    assert len(off_beat(sorted(times))) == len(times)
