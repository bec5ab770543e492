"""Our states in MoRAG's words, and its moments without a zone."""

from datetime import datetime, timedelta
from pathlib import Path

import pytest

from tests.server.morag.old import old_world, ours
from tests.server.world import START

pytestmark = pytest.mark.real_time
BEGIN = datetime(1970, 1, 1) + timedelta(seconds=START)  # noqa: DTZ001 - MoRAG's have no zone


def at(seconds: float) -> str:
    return (BEGIN + timedelta(seconds=seconds)).isoformat()


async def test_a_job_from_its_creation_to_its_end(tmp_path: Path) -> None:
    async with old_world(tmp_path) as w:
        job_id, worker = await w.create(), w.worker()
        created = {
            "job_id": job_id,
            "status": "pending",
            "worker_id": None,
            "created_at": at(0),
            "started_at": None,
            "completed_at": None,
            "error_message": None,
            "retry_count": 0,
            "estimated_completion": None,
        }
        assert await w.status(job_id) == created
        w.clock.advance(10)
        await worker.take()
        processing = created | {
            "status": "processing",
            "worker_id": worker.name,
            "started_at": at(10),
            "estimated_completion": at(310),
        }
        assert await w.status(job_id) == processing
        w.clock.advance(20)
        await worker.bring(job_id)

        assert await w.status(job_id) == processing | {
            "status": "completed",
            "completed_at": at(30),
            "estimated_completion": None,
        }


@pytest.mark.parametrize(("content_type", "minutes"), [("video", 15), ("document", 10)])
async def test_the_estimate_is_morags(tmp_path: Path, content_type: str, minutes: int) -> None:
    async with old_world(tmp_path) as w:
        job_id = await w.create(content_type=content_type)
        await w.worker(types=content_type).take()

        assert (await w.status(job_id))["estimated_completion"] == at(minutes * 60)


async def test_an_agents_job_is_told_in_the_same_words(tmp_path: Path) -> None:
    async with old_world(tmp_path) as w:
        job_id, agent = await w.create(), await w.world.agent("attic")
        offer = (await agent.poll())["offer"]
        assert (await w.status(job_id))["status"] == "pending"
        await agent.renew(offer["lease_id"])
        state = await w.status(job_id)
        assert (state["status"], state["worker_id"]) == ("processing", "attic")
        await agent.finish(offer["lease_id"], **{"transcript.md": ours("Guten Tag.").encode()})
        assert (await w.status(job_id))["status"] == "completed"


@pytest.mark.parametrize(
    ("code", "status"), [("media_unreadable", "failed"), ("timeout", "timeout")]
)
async def test_an_agents_failure_has_its_words(tmp_path: Path, code: str, status: str) -> None:
    async with old_world(tmp_path, max_attempts=1) as w:
        job_id, agent = await w.create(), await w.world.agent()
        offer = await agent.take()
        await agent.say(offer["lease_id"], "fail", code=code, message="No sound in it.")
        state = await w.status(job_id)

        assert (state["status"], state["error_message"]) == (status, "No sound in it.")


async def test_a_cancelled_job_is_cancelled(tmp_path: Path) -> None:
    async with old_world(tmp_path) as w:
        job_id = await w.create()
        await w.client.post(f"/v1/jobs/{job_id}/cancel")

        assert (await w.status(job_id))["status"] == "cancelled"


async def test_an_agents_result_without_content_is_told_as_failed(tmp_path: Path) -> None:
    async with old_world(tmp_path) as w:
        job_id, agent = await w.create(), await w.world.agent()
        offer = await agent.take()
        await agent.finish(offer["lease_id"], **{"transcript.srt": b"1"})
        while (state := await w.status(job_id))["status"] != "failed":
            assert state["status"] == "completed"

        assert state["error_message"] == "the result has no content"
        assert w.told.calls == []


async def test_the_worker_that_had_the_job_may_ask_and_no_other(tmp_path: Path) -> None:
    async with old_world(tmp_path) as w:
        job_id, worker = await w.create(), w.worker()
        await worker.take()
        await worker.bring(job_id)

        assert (await worker.status(job_id)).json()["status"] == "completed"
        assert (await w.worker("box-2").status(job_id)).status_code == 403


async def test_after_a_result_without_content_the_same_request_is_a_new_job(tmp_path: Path) -> None:
    async with old_world(tmp_path) as w:
        wanted = {"source_file_path": str(w.file()), "ingestion_task_id": "task-1"}
        job_id, agent = await w.create(**wanted), await w.world.agent()
        await agent.finish((await agent.take())["lease_id"], **{"transcript.srt": b"1"})
        while (await w.status(job_id))["status"] != "failed":
            pass

        assert await w.create(**wanted) != job_id
