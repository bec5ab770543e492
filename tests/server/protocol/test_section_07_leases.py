"""Renewal, revival, release, failure, completion."""

from pathlib import Path

import pytest

from tests.server.world import AgentSide, World, code_of, sha256, world

pytestmark = pytest.mark.real_time


async def _held(w: World, *, max_attempts: int = 3) -> tuple[AgentSide, str, str]:
    job_id = await w.submit(max_attempts=max_attempts)
    agent = await w.agent()
    return agent, (await agent.take())["lease_id"], job_id


async def test_the_first_renewal_accepts_the_offer(tmp_path: Path) -> None:
    async with world(tmp_path) as w:
        job_id = await w.submit()
        agent = await w.agent()
        offer = (await agent.poll())["offer"]
        assert await w.state(job_id) == "offered"

        renewed = await agent.renew(offer["lease_id"], stage="downloading", progress=0.0)

        assert await w.state(job_id) == "leased"
        assert renewed.json() == {
            "state": "ok",
            "reason": None,
            "ttl_s": 90.0,
            "renew_in_s": 30.0,
            "directive": "continue",
        }


async def test_renewals_keep_a_lease_alive_and_show_stage_and_progress(tmp_path: Path) -> None:
    async with world(tmp_path) as w:
        agent, lease, job_id = await _held(w)

        for step in range(5):
            await w.after(60)
            await agent.renew(lease, stage="processing", progress=step / 5, message="half")

        (attempt,) = (await w.job(job_id))["attempts"]
        assert (attempt["stage"], attempt["progress"], attempt["message"]) == (
            "processing",
            0.8,
            "half",
        )
        assert attempt["outcome"] is None


async def test_a_renewal_carries_the_directive(tmp_path: Path) -> None:
    async with world(tmp_path) as w:
        agent, lease, _ = await _held(w)
        await w.client.post(
            "/v1/agents/a1/directive", json={"directive": "drain", "reason": "update"}
        )

        renewed = (await agent.renew(lease)).json()

        assert (renewed["state"], renewed["directive"], renewed["reason"]) == (
            "ok",
            "drain",
            "update",
        )


@pytest.mark.parametrize("call", ["renew", "upload", "complete"])
async def test_a_lease_that_ran_out_is_revived_by_any_call_while_nobody_else_has_accepted(
    tmp_path: Path, call: str
) -> None:
    async with world(tmp_path) as w:
        agent, lease, job_id = await _held(w)
        other = await w.agent("a2")
        await w.after(91)
        offer = (await other.poll())["offer"]
        assert offer["attempt"] == 2

        match call:
            case "renew":
                answer = await agent.renew(lease)
            case "upload":
                answer = await agent.create_upload(lease, "a.md", b"x")
            case _:
                answer = await agent.say(lease, "complete", manifest=[])

        assert answer.status_code in {200, 201}
        withdrawn = await other.renew(offer["lease_id"])
        assert code_of(withdrawn) == (409, "lease_lost")
        assert withdrawn.json()["reason"] == "superseded"
        revived = next(a for a in (await w.job(job_id))["attempts"] if a["lease_id"] == lease)
        assert revived["number"] == 1


async def test_a_revived_lease_has_full_time_and_its_expiry_is_not_counted(
    tmp_path: Path,
) -> None:
    async with world(tmp_path) as w:
        agent, lease, _ = await _held(w, max_attempts=2)
        await w.after(91)
        await agent.renew(lease)
        await w.after(89)
        assert (await agent.renew(lease)).status_code == 200

        await w.after(91)

        other = await w.agent("a2")
        assert (await other.take())["attempt"] == 2


async def test_once_another_attempt_is_accepted_the_old_lease_is_superseded(
    tmp_path: Path,
) -> None:
    async with world(tmp_path) as w:
        agent, lease, job_id = await _held(w)
        await w.after(91)
        other = await w.agent("a2")
        second = await other.take()

        for answer in (
            await agent.renew(lease),
            await agent.create_upload(lease, "a.md", b"x"),
            await agent.say(lease, "complete", manifest=[]),
            await agent.say(lease, "fail", code="internal", retryable=True),
            await agent.say(lease, "release"),
        ):
            assert code_of(answer) == (409, "lease_lost")
            assert answer.json()["reason"] == "superseded"
        assert await w.state(job_id) == "leased"
        await other.finish(second["lease_id"], **{"a.md": b"theirs"})
        late = await agent.renew(lease)
        assert late.json()["reason"] == "superseded"


async def test_a_late_first_renewal_accepts_an_offer_that_ran_out(tmp_path: Path) -> None:
    async with world(tmp_path) as w:
        job_id = await w.submit()
        agent = await w.agent()
        offer = (await agent.poll())["offer"]
        await w.after(16)

        assert (await agent.renew(offer["lease_id"])).status_code == 200
        assert await w.state(job_id) == "leased"


async def test_an_agent_with_an_old_lease_on_the_job_is_offered_that_one_again(
    tmp_path: Path,
) -> None:
    async with world(tmp_path) as w:
        agent, lease, _ = await _held(w)
        await w.after(91)

        offer = (await agent.poll())["offer"]

        assert (offer["lease_id"], offer["attempt"]) == (lease, 1)


async def test_a_job_is_not_offered_to_an_agent_that_may_still_hold_a_superseded_lease(
    tmp_path: Path,
) -> None:
    async with world(tmp_path) as w:
        agent, lease, _ = await _held(w, max_attempts=9)
        await w.after(91)
        other = await w.agent("a2")
        second = await other.take()
        await other.say(second["lease_id"], "release")

        before = await agent.poll()
        assert (before["offer"], before["skipped"]) == (None, {"held_here": 1})
        await agent.renew(lease)

        assert (await agent.poll())["offer"] is not None


async def test_release_gives_back_and_may_be_repeated(tmp_path: Path) -> None:
    async with world(tmp_path) as w:
        agent, lease, job_id = await _held(w)

        for _ in range(2):
            answer = await agent.say(lease, "release", reason="disk_full")
            assert answer.json() == {"job_id": job_id, "state": "queued"}

        (attempt,) = (await w.job(job_id))["attempts"]
        assert (attempt["outcome"], attempt["reason"]) == ("released", "disk_full")


async def test_release_is_valid_on_an_offer(tmp_path: Path) -> None:
    async with world(tmp_path) as w:
        job_id = await w.submit()
        agent = await w.agent()
        offer = (await agent.poll())["offer"]

        assert (await agent.say(offer["lease_id"], "release")).status_code == 200
        assert await w.state(job_id) == "queued"


async def test_a_released_job_rests_for_its_agent_30_seconds_doubling_while_others_may_have_it(
    tmp_path: Path,
) -> None:
    async with world(tmp_path) as w:
        agent, lease, _ = await _held(w)
        await agent.say(lease, "release")

        assert (await agent.poll())["skipped"] == {"released_here": 1}
        await w.after(31)
        again = (await agent.poll())["offer"]
        await agent.say(again["lease_id"], "release")
        await w.after(31)
        assert (await agent.poll())["offer"] is None
        other = await w.agent("a2")
        assert (await other.poll())["offer"] is not None


async def test_release_may_ask_for_a_longer_rest(tmp_path: Path) -> None:
    async with world(tmp_path) as w:
        agent, lease, _ = await _held(w)
        await agent.say(lease, "release", retry_after_s=3600)

        await w.after(3599)
        assert (await agent.poll())["offer"] is None
        await w.after(2)
        assert (await agent.poll())["offer"] is not None


async def test_fail_may_be_repeated_and_shows_why(tmp_path: Path) -> None:
    async with world(tmp_path) as w:
        agent, lease, job_id = await _held(w)
        said = {"code": "unsupported_media", "message": "no audio in it", "retryable": False}

        for _ in range(2):
            answer = await agent.say(lease, "fail", **said)
            assert answer.json() == {"job_id": job_id, "state": "failed"}

        job = await w.job(job_id)
        assert (job["code"], job["message"]) == ("unsupported_media", "no audio in it")


async def test_worker_lost_is_the_servers_word_only(tmp_path: Path) -> None:
    async with world(tmp_path) as w:
        agent, lease, _ = await _held(w)

        assert code_of(await agent.say(lease, "fail", code="worker_lost")) == (422, "invalid")


async def test_an_offer_must_be_renewed_before_anything_else(tmp_path: Path) -> None:
    async with world(tmp_path) as w:
        await w.submit()
        agent = await w.agent()
        lease = (await agent.poll())["offer"]["lease_id"]

        for answer in (
            await agent.create_upload(lease, "a.md", b"x"),
            await agent.say(lease, "complete", manifest=[]),
            await agent.say(lease, "fail", code="internal"),
        ):
            assert code_of(answer) == (403, "forbidden")


async def test_an_unknown_lease_is_404(tmp_path: Path) -> None:
    async with world(tmp_path) as w:
        agent = await w.agent()

        assert code_of(await agent.renew("never-given")) == (404, "unknown_lease")


async def test_complete_is_accepted_once_and_the_same_again_is_200(tmp_path: Path) -> None:
    async with world(tmp_path) as w:
        agent, lease, job_id = await _held(w)
        line = await agent.upload(lease, "pages/1.md", b"page one")
        said = {"manifest": [line], "summary": {"words": 2}, "metrics": {"process_s": 1.5}}

        for _ in range(2):
            answer = await agent.say(lease, "complete", **said)
            assert answer.json() == {"job_id": job_id, "state": "completed"}

        job = await w.job(job_id)
        assert (job["artifacts"], job["summary"]) == ([line], {"words": 2})
        other = await agent.say(lease, "complete", manifest=[])
        assert (code_of(other), other.json()["reason"]) == ((409, "lease_lost"), "completed")
        renewal = await agent.renew(lease)
        assert renewal.json()["reason"] == "completed"


async def test_complete_names_the_artifacts_that_are_missing(tmp_path: Path) -> None:
    async with world(tmp_path) as w:
        agent, lease, job_id = await _held(w)
        there = await agent.upload(lease, "a.md", b"a")
        await agent.create_upload(lease, "half.md", b"half")
        half = there | {"name": "half.md"}
        missing = there | {"name": "missing.md"}

        answer = await agent.say(lease, "complete", manifest=[there, half, missing])

        assert code_of(answer) == (409, "artifact_missing")
        assert answer.json()["artifacts"] == ["half.md", "missing.md"]
        assert await w.state(job_id) == "leased"


async def test_complete_names_the_artifacts_that_differ(tmp_path: Path) -> None:
    async with world(tmp_path) as w:
        agent, lease, _ = await _held(w)
        line = await agent.upload(lease, "a.md", b"a")

        answer = await agent.say(lease, "complete", manifest=[line | {"sha256": sha256(b"b")}])

        assert code_of(answer) == (409, "artifact_mismatch")
        assert answer.json()["artifacts"] == ["a.md"]


async def test_a_manifest_that_names_a_file_twice_is_invalid(tmp_path: Path) -> None:
    async with world(tmp_path) as w:
        agent, lease, _ = await _held(w)
        line = await agent.upload(lease, "a.md", b"a")

        answer = await agent.say(lease, "complete", manifest=[line, line])

        assert code_of(answer) == (422, "invalid")


async def test_a_cancelled_job_is_cancelled_at_the_renewal_then_released(tmp_path: Path) -> None:
    async with world(tmp_path) as w:
        agent, lease, job_id = await _held(w)

        await w.client.post(f"/v1/jobs/{job_id}/cancel")
        assert (await agent.renew(lease)).json()["state"] == "cancel"
        await w.client.post(f"/v1/jobs/{job_id}/cancel")
        assert (await agent.renew(lease)).json()["state"] == "cancel_now"
        lost = await agent.say(lease, "complete", manifest=[])
        assert (code_of(lost), lost.json()["reason"]) == ((409, "lease_lost"), "cancelled")

        assert (await agent.say(lease, "release")).json()["state"] == "cancelled"


async def test_the_lease_of_a_cancelled_job_that_ran_out_is_lost_as_cancelled(
    tmp_path: Path,
) -> None:
    async with world(tmp_path) as w:
        agent, lease, job_id = await _held(w)
        await w.after(91)
        await w.client.post(f"/v1/jobs/{job_id}/cancel")

        lost = await agent.renew(lease)

        assert (code_of(lost), lost.json()["reason"]) == ((409, "lease_lost"), "cancelled")


async def test_an_upload_on_a_lease_that_has_just_run_out_gives_it_full_time(
    tmp_path: Path,
) -> None:
    """Whether or not the sweep has seen it: the agent is there, and must not lose the job."""
    async with world(tmp_path) as w:
        job_id = await w.submit()
        agent = await w.agent()
        lease = (await agent.take())["lease_id"]
        w.clock.advance(91)

        created = await agent.create_upload(lease, "a.md", b"text")

        assert created.status_code == 201
        await w.after(80)
        assert await w.state(job_id) == "leased"
