"""What clients ask for: submit, look, list, cancel, retry, remove, the fleet."""

import asyncio
from pathlib import Path

import pytest

from tests.server.world import AgentSide, World, code_of, sha256, world

pytestmark = pytest.mark.real_time


async def _completed(w: World) -> tuple[AgentSide, str]:
    job_id = await w.submit()
    agent = await w.agent()
    offer = await agent.take()
    done = await agent.finish(offer["lease_id"], **{"a.md": b"# Title", "pages/1.txt": b"one"})
    assert done.status_code == 200, done.text
    return agent, job_id


async def test_a_new_job_is_201_with_its_upload(tmp_path: Path) -> None:
    async with world(tmp_path) as w:
        answer = await w.create(size=3)

        job_id = answer.json()["job_id"]
        assert answer.status_code == 201
        assert answer.json() == {
            "job_id": job_id,
            "state": "created",
            "upload": f"/v1/jobs/{job_id}/upload",
        }


async def test_a_job_whose_input_has_no_bytes_is_queued_at_once(tmp_path: Path) -> None:
    async with world(tmp_path) as w:
        answer = await w.create(size=0)

        assert (answer.status_code, answer.json()["state"]) == (201, "queued")
        offer = await (await w.agent()).take()
        assert offer["input"]["size"] == 0
        assert offer["input"]["sha256"] == sha256(b"")


async def test_a_job_without_bytes_but_with_anothers_digest_is_refused(tmp_path: Path) -> None:
    async with world(tmp_path) as w:
        answer = await w.create(size=0, sha256=sha256(b"something"))

        assert code_of(answer) == (460, "checksum_mismatch")


@pytest.mark.parametrize("missing", ["content_type", "filename", "size"])
async def test_a_job_without_a_required_field_is_invalid(tmp_path: Path, missing: str) -> None:
    async with world(tmp_path) as w:
        body = {"content_type": "audio", "filename": "a", "size": 1}
        del body[missing]

        assert code_of(await w.client.post("/v1/jobs", json=body)) == (422, "invalid")


async def test_the_same_key_and_body_is_200_and_the_same_job(tmp_path: Path) -> None:
    async with world(tmp_path) as w:
        first = await w.create(size=3, idempotency_key="k")
        again = await w.create(size=3, idempotency_key="k")

        assert (first.status_code, again.status_code) == (201, 200)
        assert first.json() == again.json()


async def test_the_same_key_with_another_body_is_key_reused(tmp_path: Path) -> None:
    async with world(tmp_path) as w:
        await w.create(size=3, idempotency_key="k")

        assert code_of(await w.create(size=4, idempotency_key="k")) == (409, "key_reused")


async def test_the_same_key_twice_at_once_makes_one_job(tmp_path: Path) -> None:
    async with world(tmp_path) as w:
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(w.create(size=3, idempotency_key="k")) for _ in range(8)]

        assert len({task.result().json()["job_id"] for task in tasks}) == 1


async def test_options_above_256_kib_are_413(tmp_path: Path) -> None:
    async with world(tmp_path) as w:
        answer = await w.create(size=1, options={"prompt": "x" * (256 * 1024)})

        assert code_of(answer) == (413, "too_large")


async def test_a_job_shows_its_attempts_and_its_result(tmp_path: Path) -> None:
    async with world(tmp_path) as w:
        _, job_id = await _completed(w)

        job = await w.job(job_id)

        assert (job["state"], job["queue"], job["max_attempts"]) == ("completed", "gpu_fallback", 3)
        (attempt,) = job["attempts"]
        assert (attempt["number"], attempt["agent_id"], attempt["outcome"]) == (
            1,
            "a1",
            "completed",
        )
        assert attempt["accepted_at"] == "2027-01-15T08:00:00.000+00:00"
        assert [line["name"] for line in job["artifacts"]] == ["a.md", "pages/1.txt"]


async def test_an_unknown_job_is_404(tmp_path: Path) -> None:
    async with world(tmp_path) as w:
        for answer in (
            await w.client.get("/v1/jobs/none"),
            await w.client.get("/v1/jobs/none/events"),
            await w.client.get("/v1/jobs/none/artifacts/a.md"),
            await w.client.post("/v1/jobs/none/cancel"),
            await w.client.post("/v1/jobs/none/retry"),
            await w.client.delete("/v1/jobs/none"),
        ):
            assert code_of(answer) == (404, "unknown_job")


async def test_the_list_is_cut_into_pages_by_a_cursor(tmp_path: Path) -> None:
    async with world(tmp_path) as w:
        made = [(await w.create(size=1)).json()["job_id"] for _ in range(5)]
        seen: list[str] = []
        cursor: str | None = None
        while True:
            query = {"limit": "2"} | ({"cursor": cursor} if cursor else {})
            page = (await w.client.get("/v1/jobs", params=query)).json()
            seen += [job["job_id"] for job in page["jobs"]]
            cursor = page["next"]
            if cursor is None:
                break

        assert seen == made[::-1]


async def test_the_list_may_be_narrowed_to_a_state(tmp_path: Path) -> None:
    async with world(tmp_path) as w:
        queued = await w.submit()
        await w.create(size=1)

        page = (await w.client.get("/v1/jobs", params={"state": "queued"})).json()

        assert [job["job_id"] for job in page["jobs"]] == [queued]


@pytest.mark.parametrize("query", ["limit=0", "limit=x", "state=odd", "cursor=%21", "cursor=LTE"])
async def test_a_query_that_makes_no_sense_is_invalid(tmp_path: Path, query: str) -> None:
    async with world(tmp_path) as w:
        assert code_of(await w.client.get(f"/v1/jobs?{query}")) == (422, "invalid")


async def test_an_artifact_is_downloaded_with_ranges_and_a_strong_etag(tmp_path: Path) -> None:
    async with world(tmp_path) as w:
        _, job_id = await _completed(w)
        url = f"/v1/jobs/{job_id}/artifacts/pages/1.txt"

        whole = await w.client.get(url)
        part = await w.client.get(url, headers={"Range": "bytes=1-"})

        assert (whole.content, whole.headers["etag"]) == (b"one", f'"{sha256(b"one")}"')
        assert whole.headers["content-type"].startswith("text/plain")
        assert (part.status_code, part.content) == (206, b"ne")


async def test_an_artifact_is_there_only_once_the_job_is_completed(tmp_path: Path) -> None:
    async with world(tmp_path) as w:
        job_id = await w.submit()
        agent = await w.agent()
        offer = await agent.take()
        await agent.upload(offer["lease_id"], "a.md", b"not yet")

        answer = await w.client.get(f"/v1/jobs/{job_id}/artifacts/a.md")

        assert code_of(answer) == (404, "unknown_artifact")


async def test_cancel_ends_a_queued_job_and_is_repeatable(tmp_path: Path) -> None:
    async with world(tmp_path) as w:
        job_id = await w.submit()

        for _ in range(2):
            answer = await w.client.post(f"/v1/jobs/{job_id}/cancel")
            assert (answer.status_code, answer.json()["state"]) == (200, "cancelled")

        assert (await (await w.agent()).poll())["offer"] is None


async def test_cancel_takes_back_an_offer(tmp_path: Path) -> None:
    async with world(tmp_path) as w:
        job_id = await w.submit()
        agent = await w.agent()
        offer = (await agent.poll())["offer"]

        await w.client.post(f"/v1/jobs/{job_id}/cancel")

        lost = await agent.renew(offer["lease_id"])
        assert (code_of(lost), lost.json()["reason"]) == ((409, "lease_lost"), "cancelled")


async def test_cancel_does_not_touch_what_has_ended(tmp_path: Path) -> None:
    async with world(tmp_path) as w:
        _, job_id = await _completed(w)

        answer = await w.client.post(f"/v1/jobs/{job_id}/cancel")

        assert (answer.status_code, answer.json()["state"]) == (200, "completed")


async def test_retry_gives_a_failed_job_a_fresh_set_of_attempts(tmp_path: Path) -> None:
    async with world(tmp_path) as w:
        job_id = await w.submit(max_attempts=1)
        agent = await w.agent()
        offer = await agent.take()
        await agent.say(offer["lease_id"], "fail", code="out_of_memory", retryable=True)
        assert await w.state(job_id) == "failed"

        answer = await w.client.post(f"/v1/jobs/{job_id}/retry")

        assert (answer.json()["state"], answer.json()["code"]) == ("queued", None)
        assert (await agent.take())["attempt"] == 2


async def test_retry_of_a_job_that_is_held_or_completed_is_job_active(tmp_path: Path) -> None:
    async with world(tmp_path) as w:
        _, done = await _completed(w)
        held = await w.submit()
        await (await w.agent("a2")).take()

        for job_id in (done, held):
            answer = await w.client.post(f"/v1/jobs/{job_id}/retry")
            assert code_of(answer) == (409, "job_active")


async def test_a_retried_job_fences_off_whoever_still_held_it(tmp_path: Path) -> None:
    async with world(tmp_path) as w:
        job_id = await w.submit()
        agent = await w.agent()
        offer = await agent.take()
        await w.client.post(f"/v1/jobs/{job_id}/cancel")
        await w.client.post(f"/v1/jobs/{job_id}/retry")

        lost = await agent.renew(offer["lease_id"])

        assert (code_of(lost), lost.json()["reason"]) == ((409, "lease_lost"), "cancelled")
        assert (await agent.take())["job_id"] == job_id


async def test_remove_is_refused_while_the_job_is_held(tmp_path: Path) -> None:
    async with world(tmp_path) as w:
        job_id = await w.submit()
        agent = await w.agent()
        offer = await agent.take()
        assert code_of(await w.client.delete(f"/v1/jobs/{job_id}")) == (409, "job_active")

        await agent.say(offer["lease_id"], "release")

        assert (await w.client.delete(f"/v1/jobs/{job_id}")).status_code == 204
        assert (await w.client.get(f"/v1/jobs/{job_id}")).status_code == 404


async def test_remove_takes_the_files_along(tmp_path: Path) -> None:
    async with world(tmp_path) as w:
        _, job_id = await _completed(w)
        assert list((tmp_path / "server-files").rglob("*"))

        await w.client.delete(f"/v1/jobs/{job_id}")

        assert not list((tmp_path / "server-files").rglob("*"))


async def test_the_fleet_shows_what_agents_are_and_hold(tmp_path: Path) -> None:
    async with world(tmp_path) as w:
        await w.submit()
        agent = w.agent_side("a1")
        gpu = {"name": "RTX 3090", "memory_bytes": 24, "driver": "550"}
        await agent.hello(name="attic", labels={"site": "home"}, hardware={"gpus": [gpu]})
        offer = await agent.take(health={"temperature": 61})

        (shown,) = (await w.client.get("/v1/agents")).json()["agents"]

        assert (shown["agent_id"], shown["name"], shown["online"]) == ("a1", "attic", True)
        assert shown["hardware"]["gpus"] == [gpu]
        assert shown["health"] == {"temperature": 61}
        assert [held["lease_id"] for held in shown["holds"]] == [offer["lease_id"]]


async def test_an_agent_silent_for_three_renewal_intervals_is_offline(tmp_path: Path) -> None:
    async with world(tmp_path) as w:
        await w.agent()

        w.clock.advance(91)

        (shown,) = (await w.client.get("/v1/agents")).json()["agents"]
        assert (shown["online"], shown["last_seen_s"]) == (False, 91.0)


async def test_a_directive_for_an_unknown_agent_is_404(tmp_path: Path) -> None:
    async with world(tmp_path) as w:
        answer = await w.client.post("/v1/agents/none/directive", json={"directive": "pause"})

        assert code_of(answer) == (404, "unknown_agent")


async def test_events_tell_state_stage_and_progress_and_end_with_the_job(tmp_path: Path) -> None:
    async with world(tmp_path) as w:
        _, job_id = await _completed(w)

        stream = await w.client.get(f"/v1/jobs/{job_id}/events")

        assert stream.headers["content-type"].startswith("text/event-stream")
        lines = stream.text.splitlines()
        kinds = [line.removeprefix("event: ") for line in lines if line.startswith("event: ")]
        assert kinds == ["state"] * 5  # created, queued, offered, leased, completed
        assert '"state":"completed"' in lines[-2]


async def test_events_go_on_after_the_last_event_id(tmp_path: Path) -> None:
    async with world(tmp_path) as w:
        _, job_id = await _completed(w)

        stream = await w.client.get(f"/v1/jobs/{job_id}/events", headers={"Last-Event-ID": "4"})

        assert stream.text.startswith("id: 5\nevent: state\n")
        assert stream.text.count("event: ") == 1


async def test_progress_in_small_steps_is_told_once_per_hundredth(tmp_path: Path) -> None:
    async with world(tmp_path) as w:
        job_id = await w.submit()
        agent = await w.agent()
        lease = (await agent.take())["lease_id"]
        for progress in (0.5, 0.501, 0.502, 0.6):
            await agent.renew(lease, progress=progress)
        await agent.renew(lease, stage="uploading", progress=0.6)
        await w.client.post(f"/v1/jobs/{job_id}/cancel")

        text = (await w.client.get(f"/v1/jobs/{job_id}/events")).text

        assert text.count("event: progress") == 2
        assert text.count("event: stage") == 1
