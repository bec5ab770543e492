from dataclasses import dataclass
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.core.breaker import BLAME, PAUSES, Blame, Breaker, Paused, Probing, Trust, Trusted
from agent.model.failures import FailureCode
from agent.model.ids import Instant

START = Instant(1000.0)
MOST = 3
CRASH = (FailureCode.WORKER_CRASHED, "the worker crashed (SIGSEGV).")
BOX = [code for code in FailureCode if BLAME[code] is Blame.BOX]
INPUT = [code for code in FailureCode if BLAME[code] is Blame.INPUT]


def after(seconds: float) -> Instant:
    return Instant(START + seconds)


def failed(times: int = MOST) -> Breaker:
    """After so many crashes, all of them at START."""
    breaker = Breaker(most_failures=MOST)
    for _ in range(times):
        breaker.on_failed(*CRASH, START)
    return breaker


def test_a_new_box_is_trusted_with_everything() -> None:
    assert failed(0).trust(START) == Trusted(None)


def test_from_the_first_failure_on_no_more_is_held_than_failures_are_left() -> None:
    assert [failed(times).trust(START) for times in (1, 2)] == [Trusted(2), Trusted(1)]


def test_too_many_failures_in_a_row_pause_the_agent_and_say_why() -> None:
    assert failed().trust(START) == Paused(
        "failed 3 times in a row through no fault of an input, the last time:"
        " worker_crashed: the worker crashed (SIGSEGV); paused for 1 min",
        until=after(60.0),
    )


def test_after_its_pause_one_job_is_tried() -> None:
    breaker = failed()

    assert isinstance(breaker.trust(after(59.9)), Paused)
    assert isinstance(breaker.trust(after(60.0)), Probing)


def test_a_success_makes_it_trusted_again_and_the_next_pause_short() -> None:
    breaker = failed()
    breaker.on_failed(*CRASH, after(60.0))

    breaker.on_completed()
    trusted = breaker.trust(after(60.0))
    for _ in range(MOST):
        breaker.on_failed(*CRASH, after(70.0))
    paused = breaker.trust(after(70.0))

    assert trusted == Trusted(None)
    assert isinstance(paused, Paused)
    assert paused.until == after(130.0)


def test_pauses_double_up_to_an_hour() -> None:
    breaker, now = failed(), START
    lengths = []
    for _ in range(9):
        trust = breaker.trust(now)
        assert isinstance(trust, Paused)
        lengths.append((trust.until - now) / 60)
        now = trust.until
        breaker.on_failed(*CRASH, now)

    assert lengths == [1, 2, 4, 8, 16, 32, 60, 60, 60]


def test_what_fails_during_a_pause_does_not_lengthen_it() -> None:
    breaker = failed()

    breaker.on_failed(*CRASH, after(30.0))

    assert isinstance(breaker.trust(after(60.0)), Probing)


def test_a_fault_of_the_box_that_is_no_failure_of_a_job_counts_too() -> None:
    breaker = Breaker(most_failures=1)

    breaker.on_box_fault("disk_full: no space left", START)

    trust = breaker.trust(START)
    assert isinstance(trust, Paused)
    assert "failed once" in trust.why
    assert "disk_full: no space left" in trust.why


def test_a_reason_is_not_told_at_any_length() -> None:
    breaker = Breaker(most_failures=1)

    breaker.on_box_fault("x" * 10_000, START)

    trust = breaker.trust(START)
    assert isinstance(trust, Paused)
    assert len(trust.why) < 500


def test_every_code_has_somebody_to_blame() -> None:
    assert set(BLAME) == set(FailureCode)


@pytest.mark.parametrize("code", INPUT)
def test_a_failure_of_the_input_counts_neither_for_the_box_nor_against_it(
    code: FailureCode,
) -> None:
    breaker = failed(2)

    for _ in range(10):
        breaker.on_failed(code, "bad", START)
    unchanged = breaker.trust(START)
    breaker.on_failed(*CRASH, START)

    assert unchanged == Trusted(1)
    assert isinstance(breaker.trust(START), Paused)


def test_an_input_that_fails_the_probe_leaves_the_next_one_to_show() -> None:
    breaker = failed()

    breaker.on_failed(FailureCode.MEDIA_UNREADABLE, "bad", after(60.0))

    assert isinstance(breaker.trust(after(60.0)), Probing)


# The law.


@dataclass(frozen=True)
class Step:
    """How one more job ends if one may be taken, and how much later that is."""

    ends: FailureCode | None
    takes: float


STEPS = st.lists(
    st.builds(Step, st.sampled_from([None, *FailureCode]), st.floats(0.0, 5000.0)), max_size=60
)


def may_take(trust: Trust) -> bool:
    match trust:
        case Trusted(may_hold):
            return may_hold is None or may_hold > 0
        case Probing():
            return True
        case Paused():
            return False


def end(breaker: Breaker, step: Step, now: Instant) -> None:
    if step.ends is None:
        breaker.on_completed()
    else:
        breaker.on_failed(step.ends, "it broke", now)


@given(st.integers(1, 6), STEPS)
def test_a_row_of_failures_is_never_longer_than_allowed_without_a_pause(
    most: int, steps: list[Step]
) -> None:
    breaker, now, row, is_first = Breaker(most_failures=most), START, 0, True
    for step in steps:
        trust = breaker.trust(now)
        if isinstance(trust, Paused):
            assert trust.until - now <= 3600.0 + 1e-6  # of large numbers, the last digits
            now, row, is_first = trust.until, 0, False
        assert may_take(breaker.trust(now))  # it always comes back
        now = Instant(now + step.takes)
        end(breaker, step, now)
        if step.ends is None:
            row, is_first = 0, True
        elif BLAME[step.ends] is Blame.BOX:
            row += 1
        assert row <= (most if is_first else 1)


@given(st.integers(1, 6), STEPS)
def test_pauses_only_grow_until_a_success(most: int, steps: list[Step]) -> None:
    breaker, now = Breaker(most_failures=most), START
    pauses: list[float] = []
    for step in steps:
        end(breaker, step, now)
        trust = breaker.trust(now)
        if step.ends is None:
            pauses = []
        if isinstance(trust, Paused):
            pauses.append(trust.until - now)
            now = trust.until
        assert all(sooner < later or later == PAUSES.cap for sooner, later in pairwise(pauses))


@given(st.integers(1, 6), STEPS, st.sampled_from(BOX))
def test_one_success_heals_whatever_was(most: int, steps: list[Step], code: FailureCode) -> None:
    breaker, now = Breaker(most_failures=most), START
    for step in steps:
        end(breaker, step, now)

    breaker.on_completed()
    healed = breaker.trust(now)
    breaker.on_failed(code, "it broke", now)

    assert healed == Trusted(None)
    assert isinstance(breaker.trust(now), Paused) is (most == 1)
