from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.core.claim_fate import (
    LONGEST_PAUSE,
    MOST_ATTEMPTS,
    Again,
    Final,
    after_failure,
    after_return,
)
from agent.model.claim import Claim
from agent.model.failures import RETRYABLE, RETRYABLE_ONCE, FailureCode
from agent.model.ids import JobId, Seconds

CLAIM = Claim(job_id=JobId("j1"), url="/j1", content_type="audio", options={})
OFTEN = sorted(RETRYABLE - RETRYABLE_ONCE)


@pytest.mark.parametrize("code", sorted(set(FailureCode) - RETRYABLE))
def test_what_would_fail_everywhere_is_told_at_once(code: FailureCode) -> None:
    assert after_failure(CLAIM, code) == Final()


@pytest.mark.parametrize("code", OFTEN)
def test_what_may_succeed_is_tried_three_times(code: FailureCode) -> None:
    claim, attempts = CLAIM, 1
    while isinstance(fate := after_failure(claim, code), Again):
        claim, attempts = fate.claim, attempts + 1

    assert attempts == MOST_ATTEMPTS


@pytest.mark.parametrize("code", sorted(RETRYABLE_ONCE))
def test_what_fails_twice_the_same_way_is_not_tried_a_third_time(code: FailureCode) -> None:
    first = after_failure(CLAIM, code)

    assert isinstance(first, Again)
    assert after_failure(first.claim, code) == Final()


def test_two_different_failures_leave_a_third_attempt() -> None:
    first = after_failure(CLAIM, FailureCode.TIMEOUT)

    assert isinstance(first, Again)
    assert isinstance(after_failure(first.claim, FailureCode.INTERNAL), Again)


@given(st.integers(0, 10_000))
def test_a_job_that_this_box_hands_back_is_never_given_up(returns: int) -> None:
    again = after_return(replace(CLAIM, returns=returns), None)

    assert again.claim.returns == returns + 1
    assert 0 < again.pause <= LONGEST_PAUSE


def test_how_long_to_wait_may_be_known() -> None:
    assert after_return(CLAIM, Seconds(7.0)).pause == 7.0
