"""Job states, attempts, and who may have a job again."""

from pathlib import Path

import pytest

from tests.server.world import World, world

pytestmark = pytest.mark.real_time
LEASE = 90.0
OFFER = 15.0


async def test_a_job_is_queued_once_its_input_is_whole(tmp_path: Path) -> None:
    async with world(tmp_path) as w:
        created = (await w.create(size=4)).json()
        assert created["state"] == "created"

        await w.send(created["upload"], 0, b"ab")
        assert await w.state(created["job_id"]) == "created"
        await w.send(created["upload"], 2, b"cd")

        assert await w.state(created["job_id"]) == "queued"


async def test_an_offer_that_ran_out_goes_back_and_keeps_the_attempt_number(
    tmp_path: Path,
) -> None:
    async with world(tmp_path) as w:
        job_id = await w.submit(max_attempts=1)
        first, second = await w.agent("a1"), await w.agent("a2")
        offer = (await first.poll())["offer"]
        assert await w.state(job_id) == "offered"

        await w.after(OFFER + 1)

        assert await w.state(job_id) == "queued"
        again = (await second.poll())["offer"]
        assert (again["attempt"], again["job_id"]) == (1, job_id)
        assert again["lease_id"] != offer["lease_id"]


async def test_a_lease_that_ran_out_is_counted_and_the_next_attempt_has_the_next_number(
    tmp_path: Path,
) -> None:
    async with world(tmp_path) as w:
        job_id = await w.submit()
        first, second = await w.agent("a1"), await w.agent("a2")
        await first.take()

        await w.after(LEASE + 1)

        assert await w.state(job_id) == "queued"
        assert (await second.take())["attempt"] == 2


async def test_a_release_is_not_counted(tmp_path: Path) -> None:
    async with world(tmp_path) as w:
        await w.submit(max_attempts=1)
        first, second = await w.agent("a1"), await w.agent("a2")
        offer = await first.take()

        await first.say(offer["lease_id"], "release", reason="quiet hours")

        assert (await second.take())["attempt"] == 1


async def test_a_sign_off_is_not_counted(tmp_path: Path) -> None:
    async with world(tmp_path) as w:
        job_id = await w.submit(max_attempts=1)
        first, second = await w.agent("a1"), await w.agent("a2")
        await first.take()

        await first.sign_off()

        assert await w.state(job_id) == "queued"
        assert (await second.take())["attempt"] == 1


async def test_a_lease_of_an_older_boot_that_is_not_listed_is_counted(tmp_path: Path) -> None:
    async with world(tmp_path) as w:
        await w.submit(max_attempts=2)
        first, second = await w.agent("a1"), await w.agent("a2")
        await first.take()

        await first.reborn().hello()

        assert (await second.take())["attempt"] == 2


async def test_a_job_whose_last_attempt_was_not_listed_has_failed(tmp_path: Path) -> None:
    async with world(tmp_path) as w:
        job_id = await w.submit(max_attempts=1)
        agent = await w.agent()
        await agent.take()

        await agent.reborn().hello()

        job = await w.job(job_id)
        assert (job["state"], job["code"]) == ("failed", "worker_lost")


async def test_a_retryable_failure_is_tried_again_after_a_pause(tmp_path: Path) -> None:
    async with world(tmp_path) as w:
        await w.submit()
        agent = await w.agent()
        await _fail(w, "internal")

        assert (await agent.poll())["skipped"] == {"not_before": 1}
        await w.after(6)
        assert (await agent.poll())["offer"]["attempt"] == 2


async def _fail(w: World, code: str, *, retryable: bool = True, agent_id: str = "a1") -> None:
    agent = await w.agent(agent_id)
    offer = await agent.take()
    said = await agent.say(offer["lease_id"], "fail", code=code, retryable=retryable)
    assert said.status_code == 200, said.text


async def test_after_a_failure_the_job_goes_to_another_capable_agent_that_is_alive(
    tmp_path: Path,
) -> None:
    async with world(tmp_path) as w:
        await w.submit()
        first, second = await w.agent("a1"), await w.agent("a2")
        await _fail(w, "internal")
        await second.poll()
        await w.after(10)

        assert await first.poll() | {"reason": None} == {
            "offer": None,
            "skipped": {"failed_here": 1},
            "directive": "continue",
            "reason": None,
        }
        assert (await second.poll())["offer"] is not None


async def test_an_agent_that_does_not_serve_the_type_is_no_other_capable_agent(
    tmp_path: Path,
) -> None:
    async with world(tmp_path) as w:
        await w.submit()
        first, other = await w.agent("a1"), await w.agent("a2", types=("video",))
        await _fail(w, "internal")
        await other.poll()
        await w.after(10)

        assert (await first.poll())["offer"] is not None


async def test_an_agent_silent_for_90_seconds_is_not_alive(tmp_path: Path) -> None:
    async with world(tmp_path) as w:
        await w.submit()
        first, second = await w.agent("a1"), await w.agent("a2")
        await _fail(w, "internal")
        await second.poll()

        await w.after(91)

        assert (await first.poll())["offer"] is not None


async def test_after_ten_minutes_any_agent_may_have_a_failed_job(tmp_path: Path) -> None:
    async with world(tmp_path) as w:
        await w.submit()
        first, second = await w.agent("a1"), await w.agent("a2")
        await _fail(w, "internal")

        await w.after(601)
        await second.poll(free_slots=0, prefetch=0)

        assert (await first.poll())["offer"] is not None


@pytest.mark.parametrize("code", ["out_of_memory", "input_corrupt", "timeout"])
async def test_a_second_failure_of_a_kind_that_is_retried_once_ends_the_job(
    tmp_path: Path, code: str
) -> None:
    async with world(tmp_path) as w:
        job_id = await w.submit(max_attempts=5)
        await _fail(w, code)
        assert await w.state(job_id) == "queued"
        await w.after(60)

        await _fail(w, code, agent_id="a2")

        job = await w.job(job_id)
        assert (job["state"], job["code"]) == ("failed", code)


async def test_a_final_failure_ends_the_job_whatever_the_agent_says(tmp_path: Path) -> None:
    async with world(tmp_path) as w:
        job_id = await w.submit()

        await _fail(w, "media_unreadable", retryable=True)

        assert await w.state(job_id) == "failed"


async def test_the_last_attempt_that_fails_ends_the_job(tmp_path: Path) -> None:
    async with world(tmp_path) as w:
        job_id = await w.submit(max_attempts=1)

        await _fail(w, "internal")

        assert await w.state(job_id) == "failed"


async def test_a_job_whose_last_attempt_ran_out_stays_queued_unoffered_for_an_hour(
    tmp_path: Path,
) -> None:
    async with world(tmp_path) as w:
        job_id = await w.submit(max_attempts=1)
        first, second = await w.agent("a1"), await w.agent("a2")
        offer = await first.take()

        await w.after(LEASE + 1)
        assert await w.state(job_id) == "queued"
        assert (await second.poll())["offer"] is None
        assert (await first.poll())["offer"] is None
        await w.after(3601)

        job = await w.job(job_id)
        assert (job["state"], job["code"]) == ("failed", "worker_lost")
        late = await first.renew(offer["lease_id"])
        assert (late.status_code, late.json()["reason"]) == (409, "expired")


async def test_in_the_grace_the_last_attempt_can_still_be_delivered(tmp_path: Path) -> None:
    async with world(tmp_path) as w:
        job_id = await w.submit(max_attempts=1)
        agent = await w.agent()
        offer = await agent.take()
        await w.after(LEASE + 3000)

        done = await agent.finish(offer["lease_id"], **{"a.md": b"late, but here"})

        assert done.json() == {"job_id": job_id, "state": "completed"}
