from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.pipelines.audio.guards import (
    believable,
    compression,
    is_echo,
    is_looping,
    loops,
    without_loops,
)
from agent.pipelines.spoken.transcript import Segment, Word
from tests.pipelines.spoken.recordings import spans

NORMAL = "The quick brown fox jumps over the lazy dog, and the farmer carries water to the horse."


def texts(*segments: Segment) -> list[str]:
    return [segment.text for segment in without_loops(segments)]


def test_text_over_silence_is_left_out() -> None:
    real, imagined = Segment(0, 2, "Real."), Segment(6, 9, "Thanks for watching!")

    assert list(believable([real, imagined], spans((0.2, 1.8)))) == [real]


def test_a_word_placed_a_little_beside_its_sound_stays() -> None:
    early = Segment(0, 0.9, "Yes.")

    assert list(believable([early], spans((1.2, 2)))) == [early]


@pytest.mark.parametrize(("doubt", "stays"), [(0.9, False), (0.1, True)])
def test_what_whisper_says_at_the_end_of_films_needs_its_own_belief(
    doubt: float, *, stays: bool
) -> None:
    thanks = Segment(0, 1, " Thanks for watching!", no_speech=doubt)
    other = Segment(1, 2, "Thanks for coming.", no_speech=doubt)

    kept = list(believable([thanks, other], spans((0, 2))))

    assert kept == ([thanks, other] if stays else [other])


@pytest.mark.parametrize(("doubt", "stays"), [(0.8, False), (0.1, True)])
def test_a_paragraph_in_half_a_second_needs_the_models_own_belief(
    doubt: float, *, stays: bool
) -> None:
    splinter = Segment(10.0, 10.6, NORMAL, no_speech=doubt)

    assert list(believable([splinter], spans((0, 10.5)))) == ([splinter] if stays else [])


def test_where_a_model_doubts_itself_its_words_must_lie_on_speech() -> None:
    beside = Segment(2.1, 3.0, "Yes.", no_speech=0.8)

    assert list(believable([beside], spans((0, 2)))) == []
    assert list(believable([replace(beside, no_speech=0.2)], spans((0, 2)))) != []


def numbered(*said: str) -> list[Segment]:
    return [Segment(n, n + 1, text) for n, text in enumerate(said)]


@pytest.mark.parametrize(
    ("said", "found"),
    [
        (["One.", "Two.", "Three."], []),
        (["One.", "so and so " * 20, "Three."], [(1, 2)]),
        (["Mhm."] * 3 + ["Good."], []),
        (["Well,", *["Thank you."] * 9, "Good."], [(1, 10)]),
        (["We will go to the house.", "And then to the lake again."] * 3, [(0, 6)]),
        ([NORMAL], []),
        ([], []),
    ],
)
def test_loops_are_found_in_segments_and_across_them(
    said: list[str], found: list[tuple[int, int]]
) -> None:
    assert list(loops(numbered(*said))) == found


def test_what_is_said_again_minutes_later_is_no_loop() -> None:
    rare = [Segment(60 * n, 60 * n + 1, "Hello?") for n in range(9)]

    assert list(loops(rare)) == []
    assert texts(*rare) == ["Hello?"] * 9


def test_an_echo_is_what_a_neighbour_says_already() -> None:
    assert is_echo(" And the horse!", "Water to the barn, and the horse.")
    assert not is_echo("The hors", "and the horse.")


def test_text_that_repeats_itself_is_known_by_how_well_it_packs() -> None:
    assert is_looping("I don't know. " * 20)
    assert not is_looping(NORMAL)
    assert not is_looping("no no no")
    assert compression("") == 0.0


@pytest.mark.parametrize(
    ("said", "kept"),
    [
        ("so " * 9 + "it ends", "so so it ends"),
        ("I do not know " * 6, "I do not know I do not know"),
        ("Thank you. thank you, Thank you! thank you Thank you.", "Thank you. thank you,"),
        ("no no no no", "no no no no"),
        (NORMAL, NORMAL),
    ],
)
def test_a_loop_inside_a_segment_is_said_twice_at_most(said: str, kept: str) -> None:
    assert texts(Segment(0, 5, said)) == [kept]


def test_the_times_of_words_follow_the_words_that_stay() -> None:
    words = tuple(Word(n, n + 1, "so" if n < 9 else "done", 1.0) for n in range(10))

    (segment,) = without_loops([Segment(0, 10, " ".join(w.text for w in words), words)])

    assert [(word.text, word.start) for word in segment.words] == [
        ("so", 0),
        ("so", 1),
        ("done", 9),
    ]


def test_a_segment_that_comes_again_and_again_is_kept_three_times() -> None:
    again = [Segment(n, n + 1, "Mhm.") for n in range(8)]

    assert texts(*again, Segment(8, 9, "Good."), Segment(9, 10, "Mhm.")) == [
        *["Mhm."] * 3,
        "Good.",
        "Mhm.",
    ]


@given(st.lists(st.sampled_from(["a", "b", "c", "d"]), max_size=40))
def test_no_word_is_invented_and_none_moves(words: list[str]) -> None:
    (kept,) = texts(Segment(0, 1, " ".join(words)))

    left = iter(words)
    assert all(any(word == other for other in left) for word in kept.split())
