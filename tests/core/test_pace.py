from hypothesis import given
from hypothesis import strategies as st

from agent.core.pace import Pace
from agent.model.ids import Instant

START = Instant(100.0)
KIB = 1024


def after(seconds: float) -> Instant:
    return Instant(START + seconds)


def test_a_transfer_is_not_judged_within_its_first_minute() -> None:
    assert not Pace(START).is_stalled(0, after(59.9))


def test_less_than_a_kib_a_second_for_a_minute_is_a_stall() -> None:
    assert Pace(START).is_stalled(60 * KIB - 1, after(60.0))


def test_a_kib_a_second_is_no_stall() -> None:
    assert not Pace(START).is_stalled(60 * KIB, after(60.0))


def test_the_bytes_of_a_minute_are_counted_together() -> None:
    pace = Pace(START)
    for second in range(1, 60):
        pace.is_stalled(KIB, after(second))

    assert not pace.is_stalled(KIB, after(60.0))


def test_a_fast_start_does_not_hide_a_later_stall() -> None:
    pace = Pace(START)
    pace.is_stalled(10**9, after(60.0))

    assert pace.is_stalled(1, after(120.0))


def test_the_bytes_of_one_minute_do_not_count_for_the_next() -> None:
    pace = Pace(START)
    pace.is_stalled(60 * KIB, after(60.0))

    assert pace.is_stalled(60 * KIB - 1, after(120.0))


def test_a_slow_minute_is_forgotten_by_the_next() -> None:
    pace = Pace(START)
    pace.is_stalled(1, after(60.0))

    assert not pace.is_stalled(60 * KIB, after(120.0))


@given(rate=st.integers(KIB, 10**6), steps=st.lists(st.integers(1, 50), max_size=30))
def test_a_steady_transfer_that_is_fast_enough_never_stalls(rate: int, steps: list[int]) -> None:
    pace, now = Pace(START), START

    for step in steps:
        now = Instant(now + step)
        assert not pace.is_stalled(rate * step, now)
