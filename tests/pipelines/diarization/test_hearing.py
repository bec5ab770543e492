from itertools import pairwise

import numpy as np
import torch
from hypothesis import given
from hypothesis import strategies as st

from agent.pipelines.diarization.hearing import by_voice, window_starts
from agent.pipelines.diarization.pieces import pieces
from agent.pipelines.diarization.segmentation import FRAME_S, WINDOW_S
from agent.pipelines.spoken.span import Span
from tests.pipelines.diarization.heard import WIDTH, near, people, stretch

FIRST, SECOND = people(2)
ENERGIES = np.zeros((998, 80), np.float32)


@given(st.floats(0.1, 500))
def test_windows_cover_the_recording_and_none_reaches_past_it(duration: float) -> None:
    starts = window_starts(duration, [Span(0, duration)])
    assert starts[0] == 0.0
    assert starts[-1] + WINDOW_S >= duration
    assert all(start + WINDOW_S <= max(duration, WINDOW_S) + 1e-6 for start in starts)
    assert all(later - start <= WINDOW_S for start, later in pairwise(starts))


speech = st.lists(st.tuples(st.floats(0, 290), st.floats(0.1, 30)), max_size=6).map(
    lambda pairs: sorted((Span(a, a + b) for a, b in pairs), key=lambda span: span.start)
)


@given(speech)
def test_a_window_is_heard_where_somebody_speaks_in_it(spans: list[Span]) -> None:
    heard = window_starts(300.0, spans)
    for start in window_starts(300.0, [Span(0, 300)]):
        window = Span(start, start + WINDOW_S)
        assert (start in heard) == any(window.overlap(span) > 0 for span in spans)


def test_stretches_of_one_voice_stay_together() -> None:
    first, second = near(FIRST, 2)
    assert len(by_voice([stretch(0, 3, first), stretch(5, 8, second)])) == 1


def test_stretches_of_two_voices_go_separate_ways() -> None:
    assert len(by_voice([stretch(0, 3, FIRST), stretch(5, 8, SECOND)])) == 2


def test_a_short_stretch_is_not_enough_to_make_a_person() -> None:
    assert len(by_voice([stretch(0, 3, FIRST), stretch(5, 6.5, SECOND)])) == 1


def activity(*spans: tuple[int, float, float]) -> np.ndarray[tuple[int, int], np.dtype[np.bool_]]:
    heard = np.zeros((WIDTH, 3), np.bool_)
    for local, start, end in spans:
        heard[round(start / FRAME_S) : round(end / FRAME_S), local] = True
    return heard


def cut(*spans: tuple[int, float, float]) -> list[tuple[int, float]]:
    """Local speaker and clean seconds of each piece."""
    found = pieces(0, activity(*spans), torch.from_numpy(ENERGIES))
    return [(piece.local, round(piece.clean, 1)) for piece in found]


def test_long_stretches_between_pauses_are_pieces_of_their_own() -> None:
    assert cut((0, 0, 3), (0, 4, 6)) == [(0, 3.0), (0, 2.0)]


def test_a_short_stretch_goes_with_the_nearest_long_one() -> None:
    assert cut((0, 0, 3), (0, 4, 4.5), (0, 7, 9)) == [(0, 3.5), (0, 2.0)]


def test_speech_that_is_overlapped_is_not_clean() -> None:
    assert cut((0, 0, 4), (1, 3, 6)) == [(0, 3.0), (1, 2.0)]


def test_a_click_is_no_piece() -> None:
    assert cut((2, 1, 1.1)) == []


def test_clips_have_few_different_lengths() -> None:
    lengths = set()
    for end in np.arange(0.5, 10, 0.1):
        for piece in pieces(0, activity((0, 0, float(end))), torch.from_numpy(ENERGIES)):
            lengths.add(len(piece.energies))
    assert lengths <= {25, *range(50, 601, 50)}
