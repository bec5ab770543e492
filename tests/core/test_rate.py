from hypothesis import given
from hypothesis import strategies as st

from agent.core.rate import WINDOW, Rate
from agent.model.ids import Instant


def at(seconds: float) -> Instant:
    return Instant(seconds)


def test_one_look_says_nothing_about_speed() -> None:
    assert Rate().rate(1000, at(5.0)) is None


def test_a_steady_transfer_has_its_own_rate() -> None:
    rate = Rate()
    for step in range(1000):
        rate.on_bytes(step * 100, at(step * 0.1))

    assert rate.rate(100_000, at(100.0)) == 1000.0


def test_what_was_long_ago_counts_no_more() -> None:
    rate = Rate()
    rate.on_bytes(0, at(0.0))
    rate.on_bytes(10**9, at(1.0))

    assert rate.rate(10**9, at(1.0 + WINDOW)) == 0.0


def test_a_transfer_that_begins_anew_is_counted_anew() -> None:
    rate = Rate()
    rate.on_bytes(5000, at(0.0))
    rate.on_bytes(0, at(1.0))

    assert rate.rate(2000, at(3.0)) == 1000.0


@given(st.lists(st.tuples(st.integers(0, 10**6), st.floats(0.001, 5.0)), min_size=2, max_size=200))
def test_a_rate_lies_between_the_slowest_and_the_fastest_step(
    steps: list[tuple[int, float]],
) -> None:
    rate, total, now = Rate(), 0, 0.0
    rate.on_bytes(total, at(now))
    for amount, pause in steps:
        total, now = total + amount, now + pause
        rate.on_bytes(total, at(now))

    told = rate.rate(total, at(now))

    assert told is not None
    speeds = [amount / pause for amount, pause in steps]
    assert min(speeds) * 0.999 <= told <= max(speeds) * 1.001
