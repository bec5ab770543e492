import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.core.tries import MUCH, Momentum, Tries
from agent.model.ids import Instant

START = Instant(100.0)


def after(seconds: float) -> Instant:
    return Instant(START + seconds)


def test_the_fifth_answer_that_brings_nothing_is_the_last() -> None:
    tries = Tries(START)

    given_up = [tries.on_failure(after(n), answered=True) for n in range(5)]

    assert given_up == [False, False, False, False, True]


def test_silence_uses_up_no_tries() -> None:
    tries = Tries(START)

    given_up = [tries.on_failure(after(n), answered=False) for n in range(100)]

    assert not any(given_up)


@pytest.mark.parametrize("answered", [True, False])
def test_ten_minutes_without_a_byte_are_the_end(*, answered: bool) -> None:
    tries = Tries(START)
    tries.on_failure(after(599.9), answered=answered)

    assert tries.on_failure(after(600.0), answered=answered)


def test_ten_minutes_are_not_over_before_their_end() -> None:
    assert not Tries(START).on_failure(after(599.9), answered=False)


def test_a_new_byte_gives_all_tries_back() -> None:
    tries = Tries(START)
    for n in range(4):
        tries.on_failure(after(n), answered=True)

    tries.on_bytes(1, after(5))

    assert not any(tries.on_failure(after(6), answered=True) for _ in range(4))


def test_a_new_byte_starts_the_ten_minutes_again() -> None:
    tries = Tries(START)

    tries.on_bytes(1, after(500))

    assert not tries.on_failure(after(1099), answered=False)


def test_bytes_that_were_held_before_are_not_new() -> None:
    tries = Tries(START)
    tries.on_bytes(1000, after(1))
    for n in range(4):
        tries.on_failure(after(2 + n), answered=True)

    tries.on_bytes(1000, after(10))

    assert tries.on_failure(after(11), answered=True)


def test_failures_in_a_row_are_counted_for_the_pauses_between_them() -> None:
    tries = Tries(START)
    tries.on_failure(after(1), answered=False)
    tries.on_failure(after(2), answered=True)

    assert tries.failures == 2


def test_a_new_byte_begins_the_pauses_anew() -> None:
    tries = Tries(START)
    tries.on_failure(after(1), answered=False)

    tries.on_bytes(1, after(2))

    assert tries.failures == 0


def test_much_that_came_before_a_failure_makes_a_pause_needless() -> None:
    tries = Tries(START)

    tries.on_bytes(MUCH, after(1))
    tries.on_failure(after(2), answered=False)

    assert tries.may_go_on_at_once


def test_little_that_came_before_a_failure_is_no_reason_to_hurry() -> None:
    tries = Tries(START)

    tries.on_bytes(MUCH - 1, after(1))
    tries.on_failure(after(2), answered=False)

    assert not tries.may_go_on_at_once


def test_the_second_failure_in_a_row_is_followed_by_a_pause() -> None:
    tries = Tries(START)
    tries.on_bytes(MUCH, after(1))
    tries.on_failure(after(2), answered=False)

    tries.on_failure(after(3), answered=False)

    assert not tries.may_go_on_at_once


def test_what_an_earlier_start_left_is_not_new() -> None:
    tries = Tries(START, held=10 * MUCH)

    tries.on_bytes(10 * MUCH, after(1))
    tries.on_failure(after(2), answered=False)

    assert not tries.may_go_on_at_once
    assert tries.failures == 1


@given(gains=st.lists(st.integers(0, 3 * MUCH), max_size=50))
def test_a_peer_is_asked_without_a_pause_at_most_once_for_each_mebibyte(gains: list[int]) -> None:
    momentum, whole, at_once = Momentum(), 0, 0

    for gain in gains:
        whole += gain
        momentum.on_bytes(whole)
        at_once += momentum.on_failure()

    assert at_once <= whole / MUCH
