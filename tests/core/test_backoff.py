from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.core.backoff import Backoff, SteadyBackoff
from agent.model.ids import Seconds
from tests.core.dice import Highest

LONGEST = Backoff(Seconds(1.0), Seconds(60.0), Highest())
STEADY = SteadyBackoff(Seconds(30.0), Seconds(900.0))


@pytest.mark.parametrize(
    ("failures", "pause"), [(0, 1.0), (1, 2.0), (5, 32.0), (6, 60.0), (10_000, 60.0)]
)
def test_the_longest_pause_doubles_up_to_the_cap(failures: int, pause: float) -> None:
    assert LONGEST.delay(failures) == pause


def test_pauses_are_spread_from_zero() -> None:
    spread = Backoff(Seconds(1.0), Seconds(60.0), Random(0))

    pauses = [spread.delay(9) for _ in range(400)]

    assert min(pauses) < 1.0
    assert max(pauses) > 59.0


@given(failures=st.integers(0, 200), seed=st.integers(0, 1000))
def test_no_pause_leaves_its_bounds(failures: int, seed: int) -> None:
    pause = Backoff(Seconds(1.0), Seconds(60.0), Random(seed)).delay(failures)

    assert 0.0 <= pause <= min(60.0, 2.0**failures)


def test_a_longer_retry_after_is_obeyed() -> None:
    assert LONGEST.delay(0, Seconds(45.0)) == 45.0


def test_a_shorter_retry_after_does_not_shorten_the_pause() -> None:
    assert LONGEST.delay(4, Seconds(1.0)) == 16.0


@pytest.mark.parametrize(("failures", "pause"), [(0, 30.0), (1, 60.0), (4, 480.0), (5, 900.0)])
def test_a_steady_pause_is_told_beforehand(failures: int, pause: float) -> None:
    assert STEADY.delay(failures) == pause


def test_a_steady_pause_obeys_a_longer_retry_after() -> None:
    assert STEADY.delay(0, Seconds(45.0)) == 45.0


def test_a_steady_pause_is_not_shortened_by_retry_after() -> None:
    assert STEADY.delay(0, Seconds(5.0)) == 30.0
