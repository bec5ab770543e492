"""What the server makes of each failure code: the table of section 9, written down once more."""

import asyncio
from pathlib import Path

import httpx
import pytest

from agent.model.failures import FailureCode
from tests.server.world import AgentSide, World, code_of, world

pytestmark = pytest.mark.real_time
RETRY = ("input_unavailable", "worker_crashed", "internal")
RETRY_ONCE = ("input_corrupt", "out_of_memory", "timeout")
FINAL = ("unsupported_media", "media_unreadable", "options_invalid", "too_large")
BACKOFF = 301.0
"""Longer than the longest delay before another attempt."""


async def _fail(w: World, agent: AgentSide, code: str, **more: object) -> httpx.Response:
    """One attempt that ends with `code`; then the backoff passes."""
    lease = (await agent.take())["lease_id"]
    body = {"code": code, "message": "seen", "retryable": True} | more
    answer = await agent.say(lease, "fail", **body)
    await w.after(BACKOFF)
    return answer


def test_every_code_is_in_the_table() -> None:
    assert {*RETRY, *RETRY_ONCE, *FINAL, "worker_lost"} == set(FailureCode)


@pytest.mark.parametrize("code", FINAL)
async def test_a_final_code_ends_the_job_whatever_the_agent_says(tmp_path: Path, code: str) -> None:
    async with world(tmp_path) as w:
        job_id = await w.submit()

        answer = await _fail(w, await w.agent(), code)

        assert answer.json()["state"] == "failed"
        job = await w.job(job_id)
        assert (job["code"], job["message"], len(job["attempts"])) == (code, "seen", 1)


@pytest.mark.parametrize("code", RETRY)
async def test_a_retryable_code_uses_all_attempts(tmp_path: Path, code: str) -> None:
    async with world(tmp_path) as w:
        job_id = await w.submit(max_attempts=3)
        agent = await w.agent()

        states = [(await _fail(w, agent, code)).json()["state"] for _ in range(3)]

        assert states == ["queued", "queued", "failed"]
        assert (await w.job(job_id))["code"] == code


@pytest.mark.parametrize("code", RETRY_ONCE)
async def test_a_code_that_is_tried_once_more_ends_the_job_the_second_time(
    tmp_path: Path, code: str
) -> None:
    async with world(tmp_path) as w:
        job_id = await w.submit(max_attempts=9)
        agent = await w.agent()

        states = [(await _fail(w, agent, code)).json()["state"] for _ in range(2)]

        assert states == ["queued", "failed"]
        assert (await w.job(job_id))["code"] == code


async def test_two_different_codes_that_are_tried_once_more_do_not_add_up(tmp_path: Path) -> None:
    async with world(tmp_path) as w:
        await w.submit(max_attempts=9)
        agent = await w.agent()

        states = [(await _fail(w, agent, code)).json()["state"] for code in RETRY_ONCE]

        assert states == ["queued"] * 3


@pytest.mark.parametrize("code", RETRY + RETRY_ONCE)
async def test_what_is_tried_again_goes_to_another_agent_that_is_alive(
    tmp_path: Path, code: str
) -> None:
    async with world(tmp_path) as w:
        job_id = await w.submit()
        first, second = await w.agent("a1"), await w.agent("a2")
        await _fail(w, first, code)
        async with asyncio.TaskGroup() as group:
            second_poll = group.create_task(second.poll(wait_s=5, free_slots=0, prefetch=1))
            first_poll = group.create_task(first.poll(wait_s=1))

        assert first_poll.result()["offer"] is None
        assert second_poll.result()["offer"]["job_id"] == job_id


@pytest.mark.parametrize("code", RETRY + RETRY_ONCE)
async def test_an_agent_may_say_that_trying_again_is_no_use(tmp_path: Path, code: str) -> None:
    async with world(tmp_path) as w:
        await w.submit()

        answer = await _fail(w, await w.agent(), code, retryable=False)

        assert answer.json()["state"] == "failed"


@pytest.mark.parametrize("code", ["worker_lost", "bad_mood"])
async def test_a_code_that_agents_do_not_have_is_422_and_changes_nothing(
    tmp_path: Path, code: str
) -> None:
    async with world(tmp_path) as w:
        job_id = await w.submit()

        answer = await _fail(w, await w.agent(), code)

        assert code_of(answer) == (422, "invalid")
        assert answer.json()["field"] == "code"
        assert (await w.job(job_id))["code"] is None


async def test_worker_lost_is_what_the_server_says_when_the_last_attempt_never_came_back(
    tmp_path: Path,
) -> None:
    async with world(tmp_path) as w:
        job_id = await w.submit(max_attempts=1)
        await (await w.agent()).take()

        await w.after(91)
        await w.after(3601)

        job = await w.job(job_id)
        assert (job["state"], job["code"]) == ("failed", "worker_lost")
