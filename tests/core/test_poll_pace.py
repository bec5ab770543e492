from collections.abc import Iterator
from random import Random
from statistics import mean

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.core.poll_pace import BRISK_FOR, HELD_OFF, IDLE, WARY_FOR, PollPace
from agent.model.ids import Instant, Seconds

START = Instant(1000.0)
HOUR = 3600.0
SEEDS = st.integers(0, 2**32)


def empty_answers(pace: PollPace, until: float) -> Iterator[float]:
    """The moments of all questions until then, none of which brings a job."""
    while (asked_at := pace.next_at) < until:
        yield asked_at
        pace.on_nothing(asked_at)


def most_within(moments: list[float], span: float) -> int:
    return max(sum(at <= other < at + span for other in moments) for at in moments)


@given(SEEDS)
def test_an_idle_agent_stays_under_what_an_address_may_ask(seed: int) -> None:
    moments = list(empty_answers(PollPace(Random(seed), START), START + 2 * HOUR))

    assert most_within(moments[:200], 60.0) < 60
    assert sum(at < START + HOUR for at in moments) < 1000
    assert sum(at >= START + HOUR for at in moments) < 900


def test_where_a_job_came_the_next_is_found_within_a_second_on_average() -> None:
    pace, rng, waits = PollPace(Random(1), START), Random(2), []
    now = float(START)
    for _ in range(2000):
        appears = now + rng.uniform(0.0, BRISK_FOR - 1)
        asked_at = next(at for at in empty_answers(pace, appears + 60) if at >= appears)
        pace.on_job(Instant(asked_at))
        waits.append(asked_at - appears)
        now = asked_at

    assert mean(waits) < 1.0


def test_after_a_job_it_asks_again_at_once() -> None:
    pace = PollPace(Random(1), START)

    pace.on_job(Instant(START + 5))

    assert pace.next_at == START + 5


def test_it_does_not_march_in_step_with_others() -> None:
    firsts = set()
    for seed in range(5):
        pace = PollPace(Random(seed), START)
        pace.on_nothing(START)
        firsts.add(pace.next_at)

    assert len(firsts) == 5


@pytest.mark.parametrize("idle", [2.0, 10.0, 60.0])
def test_the_owner_says_how_slowly_an_idle_one_asks(idle: float) -> None:
    pace = PollPace(Random(1), START, Seconds(idle))

    moments = list(empty_answers(pace, START + 3 * HOUR))

    late = [at for at in moments if at > START + 2 * HOUR]
    assert HOUR / len(late) == pytest.approx(idle, rel=0.1)


def test_a_server_that_calls_it_too_much_is_left_alone_for_longer_and_longer() -> None:
    pace, now, pauses = PollPace(Random(1), START), START, []
    for _ in range(6):
        pace.on_too_much(now, None)
        pauses.append(pace.next_at - now)
        now = pace.next_at

    assert pauses == [60.0, 120.0, 240.0, 480.0, 900.0, 900.0]


def test_what_the_server_says_about_the_pause_counts() -> None:
    pace = PollPace(Random(1), START)

    pace.on_too_much(START, Seconds(7.0))

    assert pace.next_at == START + 7.0


def test_for_an_hour_after_that_it_asks_no_more_than_an_idle_one() -> None:
    pace = PollPace(Random(1), START)
    pace.on_too_much(START, None)
    now = pace.next_at

    pace.on_job(now)
    asked = []
    for at in empty_answers(pace, now + WARY_FOR - HELD_OFF):
        asked.append(at)
        if len(asked) % 50 == 0:
            pace.on_job(Instant(at))

    assert len(asked) < WARY_FOR / IDLE * 1.1
