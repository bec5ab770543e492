from collections.abc import Sequence
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from agent.pipelines.video.choosing import (
    Candidate,
    Choice,
    Scene,
    key_frames,
    scenes_between,
    thumbnails,
)


def frame(time: float, sharpness: float = 100.0, brightness: float = 120.0) -> Candidate:
    return Candidate(time, sharpness, brightness, contrast=50.0)


def differ(_one: Candidate, _other: Candidate) -> bool:
    return True


def match(_one: Candidate, _other: Candidate) -> bool:
    return False


def test_the_sharpest_frame_stands_for_its_scene() -> None:
    frames = [frame(1, 50), frame(3, 300), frame(5, 100), frame(12, 80)]

    chosen = key_frames(scenes_between([10.0], 20.0), frames, 10, differ)

    assert chosen == (Choice(3, 0), Choice(12, 1))


def test_black_and_white_frames_are_passed_over_however_sharp() -> None:
    frames = [frame(1, 900, brightness=3), frame(3, 10), frame(5, 900, brightness=252)]

    assert key_frames([Scene(0, 10)], frames, 10, differ) == (Choice(3, 0),)


def test_a_frame_right_after_a_cut_may_still_show_the_scene_before() -> None:
    frames = [frame(10.05, 900), frame(14, 10)]

    assert key_frames([Scene(10, 20)], frames, 10, differ) == (Choice(14, 0),)


def test_a_scene_without_any_good_frame_is_looked_at_in_its_first_third() -> None:
    assert key_frames([Scene(9, 12)], [frame(10, 5, brightness=1)], 10, differ) == (Choice(10, 0),)


def test_a_long_scene_has_several_if_they_differ() -> None:
    frames = [frame(float(second)) for second in range(120)]

    assert len(key_frames([Scene(0, 120)], frames, 10, differ)) == 5
    assert len(key_frames([Scene(0, 120)], frames, 10, match)) == 1


def test_where_not_all_fit_the_longest_scenes_have_theirs() -> None:
    scenes = scenes_between([5.0, 6.0], 30.0)

    chosen = key_frames(scenes, [frame(1), frame(5.5), frame(20)], 2, differ)

    assert [choice.scene for choice in chosen] == [0, 2]


def test_thumbnails_stand_at_good_frames_near_their_place() -> None:
    frames = [frame(6), frame(14.9, brightness=2), frame(15.6), frame(29)]

    assert thumbnails(40.0, frames, 4) == (6, 15.6, 25.0, 35.0)


cuts = st.lists(st.floats(0.5, 99.5), max_size=20, unique=True).map(sorted)
frames_anywhere = st.lists(
    st.builds(frame, st.floats(0, 100), st.floats(0, 1000), st.floats(0, 255)), max_size=60
)


@given(cuts, frames_anywhere, st.integers(0, 30))
def test_each_scene_has_a_key_frame_of_its_own_as_far_as_there_is_room(
    found: Sequence[float], frames: Sequence[Candidate], most: int
) -> None:
    scenes = scenes_between(found, 100.0)

    chosen = key_frames(scenes, frames, most, differ)

    assert len(chosen) <= most
    assert len({choice.scene for choice in chosen}) >= min(most, len(scenes))
    for choice in chosen:
        scene = scenes[choice.scene]
        assert scene.start <= choice.time < scene.end
    assert list(chosen) == sorted(chosen, key=lambda choice: choice.time)


@given(frames_anywhere, st.integers(0, 50))
def test_thumbnails_come_in_order_and_never_share_a_frame(
    frames: Sequence[Candidate], count: int
) -> None:
    found = thumbnails(100.0, frames, count)

    assert len(found) == count
    assert list(found) == sorted(set(found))


@given(cuts)
def test_scenes_cover_the_whole_video(found: Sequence[float]) -> None:
    scenes = scenes_between(found, 100.0)

    assert scenes[0].start == 0.0
    assert scenes[-1].end == 100.0
    assert all(a.end == b.start for a, b in pairwise(scenes))
