"""Failure codes: which of them may be tried again, as the agent tells it."""

import pytest
import respx

from agent.core.verdict import Fail, Release, verdict
from agent.model.errors import (
    DiskFullError,
    InputCorruptError,
    InputUnavailableError,
    JobFailedError,
    JobReturnedError,
)
from agent.model.failures import RETRYABLE_ONCE, FailureCode
from tests.protocol.agent_side import L1, LEASE, agent_side, sent

RETRY = {
    FailureCode.INPUT_UNAVAILABLE,
    FailureCode.INPUT_CORRUPT,
    FailureCode.OUT_OF_MEMORY,
    FailureCode.WORKER_CRASHED,
    FailureCode.TIMEOUT,
    FailureCode.INTERNAL,
}


@pytest.mark.parametrize("code", FailureCode)
@respx.mock
async def test_only_what_another_try_may_mend_is_called_retryable(code: FailureCode) -> None:
    route = respx.post(f"{LEASE}/fail").respond(200, json={"job_id": "j1", "state": "queued"})

    async with agent_side() as server:
        await server.fail(L1, code, "what happened", "")

    assert sent(route)["code"] == code
    assert sent(route)["retryable"] is (code in RETRY)


def test_a_second_damaged_input_full_memory_or_timeout_ends_the_job() -> None:
    assert {
        FailureCode.INPUT_CORRUPT,
        FailureCode.OUT_OF_MEMORY,
        FailureCode.TIMEOUT,
    } == RETRYABLE_ONCE


def test_an_input_that_cannot_be_had_is_input_unavailable() -> None:
    judged = verdict(InputUnavailableError("gone"))

    assert judged == Fail(FailureCode.INPUT_UNAVAILABLE, "gone")


def test_an_input_that_stays_damaged_is_input_corrupt() -> None:
    judged = verdict(InputCorruptError("wrong digest"))

    assert judged == Fail(FailureCode.INPUT_CORRUPT, "wrong digest")


@pytest.mark.parametrize("code", FailureCode)
def test_a_pipelines_code_reaches_the_server_as_it_is(code: FailureCode) -> None:
    assert verdict(JobFailedError(code, "said", "more")) == Fail(code, "said", "more")


def test_what_is_the_boxs_fault_is_released_and_never_failed() -> None:
    assert isinstance(verdict(DiskFullError("full")), Release)
    assert isinstance(verdict(JobReturnedError("too_large: for this agent")), Release)
