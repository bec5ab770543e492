"""What becomes of a claimed job that did not succeed: MoRAG knows no second attempt, so we do.

There a failure is final, and a job that is not answered is stuck for ever. What may be repeated is
repeated here, and what this box cannot do now waits here.
"""

from dataclasses import dataclass, replace

from agent.core.backoff import SteadyBackoff
from agent.model.claim import Claim
from agent.model.failures import RETRYABLE, RETRYABLE_ONCE, FailureCode
from agent.model.ids import Seconds

MOST_ATTEMPTS = 3
"""MoRAG's own number, in a field that nothing there reads."""
FIRST_PAUSE = Seconds(30.0)
LONGEST_PAUSE = Seconds(3600.0)
PAUSES = SteadyBackoff(FIRST_PAUSE, LONGEST_PAUSE)


@dataclass(frozen=True, slots=True)
class Again:
    """Computed here once more, after `pause`."""

    claim: Claim
    pause: Seconds


@dataclass(frozen=True, slots=True)
class Final:
    """The server is told that it failed."""


Fate = Again | Final


def after_failure(claim: Claim, code: FailureCode) -> Fate:
    failures = claim.failures + 1
    is_second = code in RETRYABLE_ONCE and claim.last_failure is code
    if code not in RETRYABLE or failures >= MOST_ATTEMPTS or is_second:
        return Final()
    tried = replace(claim, failures=failures, last_failure=code)
    return Again(tried, PAUSES.delay(claim.failures))


def after_return(claim: Claim, retry_after: Seconds | None) -> Again:
    """It is never given up: nobody else could take it."""
    put_off = replace(claim, returns=claim.returns + 1)
    return Again(put_off, retry_after or PAUSES.delay(claim.returns))
