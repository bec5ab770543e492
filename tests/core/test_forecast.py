import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.core.forecast import (
    DOWNLOAD,
    MARGIN,
    Doable,
    History,
    Sample,
    Window,
    doable,
    fits,
    needs,
)
from agent.model.ids import Bytes, Seconds

MB = 10**6
LARGEST = Bytes(10**10)


def history(content_type: str = "audio", *samples: tuple[int, float]) -> History:
    fast = [Sample(MB, 0.001)] * 3
    return History({content_type: [Sample(*one) for one in samples], DOWNLOAD: fast})


def window(left: float, ahead: float = 0.0, longest: float = 7200.0) -> Window:
    return Window(left=Seconds(left), ahead=Seconds(ahead), longest=Seconds(longest))


def test_times_on_a_line_are_foretold_by_it_with_a_margin() -> None:
    known = history("audio", *((size * MB, 20 + 3.0 * size) for size in range(1, 12)))

    assert known.estimate("audio", 7 * MB) == pytest.approx(41 * MARGIN)


def test_one_job_that_took_ten_times_as_long_moves_nothing() -> None:
    usual = [(size * MB, 20 + 3.0 * size) for size in range(1, 12)]
    before = history("audio", *usual).estimate("audio", 7 * MB)

    after = history("audio", *usual, (5 * MB, 350.0)).estimate("audio", 7 * MB)

    assert after == pytest.approx(before, rel=0.2)


def test_without_a_history_audio_is_expected_to_take_as_long_as_it_plays() -> None:
    an_hour_at_128_kbit = 3600 * 16_000

    assert History().estimate("audio", an_hour_at_128_kbit) >= 3000
    assert History().estimate("something new", MB) > History().estimate("text", MB)


def test_the_first_samples_make_nobody_careless() -> None:
    guess = History().estimate("audio", 10 * MB)

    assert history("audio", (10 * MB, 1.0)).estimate("audio", 10 * MB) == guess
    assert history("audio", *[(10 * MB, 1.0)] * 3).estimate("audio", 10 * MB) < guess


def test_what_is_larger_than_all_before_takes_as_much_longer() -> None:
    known = history("audio", *[(10 * MB, 10.0 + n) for n in (0, 0, 0)])

    assert known.estimate("audio", 100 * MB) == pytest.approx(10 * 10 * MARGIN)


def test_old_samples_make_room_for_new_ones() -> None:
    slow_once = history("audio", *[(MB, 500.0)] * 40)
    for _ in range(32):
        slow_once.note("audio", MB, Seconds(5.0))

    assert slow_once.estimate("audio", MB) == pytest.approx(5 * MARGIN)


SAMPLES = st.lists(st.tuples(st.integers(1, 10**9), st.floats(0, 10**4)), min_size=0, max_size=40)
SIZES = st.integers(0, 10**10)


@given(SAMPLES, SIZES, SIZES)
def test_a_larger_input_is_never_expected_to_be_quicker(
    samples: list[tuple[int, float]], one: int, other: int
) -> None:
    known = history("audio", *samples)
    small, large = sorted((one, other))

    assert known.estimate("audio", small) >= 0
    assert known.estimate("audio", small) <= known.estimate("audio", large) * (1 + 1e-9)


@given(SAMPLES, st.floats(0, 10**5), st.floats(0, 10**4))
def test_what_is_asked_for_is_done_in_time_and_nothing_larger_is(
    samples: list[tuple[int, float]], left: float, ahead: float
) -> None:
    known, time = history("audio", *samples), window(left, ahead)

    found = doable(known, ("audio",), LARGEST, time)

    if found.content_types:
        assert fits(known, "audio", found.max_input, time)
    if found.content_types and found.max_input < LARGEST:
        assert not fits(known, "audio", Bytes(found.max_input + 1), time)


def test_a_type_of_which_even_a_small_job_takes_too_long_is_left_out() -> None:
    known = history("video", *[(50 * MB, 900.0)] * 5)

    found = doable(known, ("video", "text"), LARGEST, window(600))

    assert found.content_types == ("text",)


def test_with_no_time_left_nothing_is_asked_for() -> None:
    assert doable(History(), ("audio", "text"), LARGEST, window(0)) == Doable(Bytes(0), ())


def test_a_job_is_stopped_at_its_limit_so_it_needs_no_longer() -> None:
    assert fits(History(), "audio", Bytes(10**10), window(20_000))
    assert needs(History(), "audio", 10**10, window(0, longest=60)) == pytest.approx(60 + 2 + 10**4)


def test_a_limited_link_takes_its_time_too() -> None:
    slow = Window(
        left=Seconds(0), ahead=Seconds(0), longest=Seconds(1), slowest_link=1 / (100 * 1000)
    )

    assert needs(history(), "audio", 10 * MB, slow) == pytest.approx(101)


def test_jobs_that_are_held_already_come_first() -> None:
    known = history("audio", *[(MB, 100.0)] * 3)

    assert fits(known, "audio", Bytes(MB), window(200))
    assert not fits(known, "audio", Bytes(MB), window(200, ahead=100))


def test_an_input_of_unknown_size_is_taken_for_a_large_one() -> None:
    known = history("audio", *((size * MB, 10.0 * size) for size in range(1, 11)))

    assert known.typical("audio") == 9 * MB
    assert not fits(known, "audio", None, window(60))
    assert History().typical("video") == 10**9
