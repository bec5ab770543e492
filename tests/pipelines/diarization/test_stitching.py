from agent.pipelines.diarization.stitching import stitched
from agent.pipelines.diarization.turns import Turn
from tests.pipelines.diarization.heard import heard, near, people, stretch

FIRST, SECOND = people(2)
FRAME = 0.02
"""Seconds; what a window's frames can miss by."""


def near_to(turns: tuple[Turn, ...], *expected: tuple[float, float, str]) -> bool:
    return [turn.speaker for turn in turns] == [label for *_, label in expected] and all(
        abs(turn.start - start) < 2 * FRAME and abs(turn.end - end) < 2 * FRAME
        for turn, (start, end, _) in zip(turns, expected, strict=True)
    )


def test_turns_are_labelled_in_order_of_first_appearance() -> None:
    window = heard((0.0, [[stretch(5, 9, FIRST)], [stretch(1, 4, SECOND)]]))
    turns = stitched(window, people(2), 10.0)
    assert near_to(turns, (1, 4, "SPEAKER_00"), (5, 9, "SPEAKER_01"))


def test_a_voice_keeps_its_label_across_windows_whatever_its_place_in_them() -> None:
    windows = heard(
        (0.0, [[stretch(1, 4, FIRST)], [stretch(5, 9, SECOND)]]),
        (10.0, [[stretch(1, 4, SECOND)], [stretch(5, 9, FIRST)]]),
    )
    labels = [turn.speaker for turn in stitched(windows, people(2), 20.0)]
    assert labels == ["SPEAKER_00", "SPEAKER_01", "SPEAKER_01", "SPEAKER_00"]


def test_what_overlapping_windows_hear_twice_is_one_turn() -> None:
    windows = heard((0.0, [[stretch(2, 10, FIRST)]]), (5.0, [[stretch(0, 8, FIRST)]]))
    assert near_to(stitched(windows, people(1), 15.0), (2, 13, "SPEAKER_00"))


def test_two_at_once_are_two_turns() -> None:
    window = heard((0.0, [[stretch(1, 6, FIRST)], [stretch(4, 9, SECOND)]]))
    turns = stitched(window, people(2), 10.0)
    assert near_to(turns, (1, 6, "SPEAKER_00"), (4, 9, "SPEAKER_01"))


def test_in_one_window_two_voices_are_two_people() -> None:
    alike = near(FIRST, 2, spread=0.2)
    window = heard((0.0, [[stretch(1, 4, alike[0])], [stretch(5, 9, alike[1])]]))
    assert len({turn.speaker for turn in stitched(window, people(2), 10.0)}) == 2


def test_a_stretch_that_clearly_sounds_like_somebody_else_is_theirs() -> None:
    window = heard((0.0, [[stretch(0, 5, FIRST), stretch(6, 9, SECOND)]]))
    turns = stitched(window, people(2), 10.0)
    assert near_to(turns, (0, 5, "SPEAKER_00"), (6, 9, "SPEAKER_01"))


def test_short_pauses_do_not_end_a_turn_and_long_ones_do() -> None:
    window = heard((0.0, [[stretch(1, 3, FIRST), stretch(3.3, 5, FIRST), stretch(6, 8, FIRST)]]))
    turns = stitched(window, people(1), 10.0)
    assert near_to(turns, (1, 5, "SPEAKER_00"), (6, 8, "SPEAKER_00"))


def test_no_turn_leaves_the_recording() -> None:
    window = heard((0.0, [[stretch(0, 9.9, FIRST)]]))
    (turn,) = stitched(window, people(1), 7.5)
    assert turn.start >= 0.0
    assert turn.end == 7.5


def test_a_click_is_no_turn() -> None:
    window = heard((0.0, [[stretch(1, 4, FIRST), stretch(7, 7.1, FIRST)]]))
    assert near_to(stitched(window, people(1), 10.0), (1, 4, "SPEAKER_00"))


def test_more_voices_than_speakers_lose_no_speech() -> None:
    window = heard((0.0, [[stretch(1, 4, FIRST)], [stretch(6, 9, SECOND)]]))
    turns = stitched(window, people(1), 10.0)
    assert near_to(turns, (1, 4, "SPEAKER_00"), (6, 9, "SPEAKER_00"))
