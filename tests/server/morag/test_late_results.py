"""Leases that run out, and results that come after that: never lost, never twice."""

from pathlib import Path
from typing import Any

import pytest

from agent.server.store.uploads import Upload
from tests.server.morag.old import TEXT, detail_of, old_world, ours
from tests.server.world import code_of

pytestmark = pytest.mark.real_time
DONE = {"status": "completed", "ingestion_continued": True}
HOURS = {"audio": 0.5, "video": 1.0, "document": 0.25, "image": 1.0}


@pytest.mark.parametrize(("content_type", "hours"), HOURS.items())
async def test_a_job_whose_worker_died_is_queued_again(
    tmp_path: Path, content_type: str, hours: float
) -> None:
    async with old_world(tmp_path) as w:
        job_id, worker = await w.create(content_type=content_type), w.worker(types=content_type)
        await worker.take()
        await w.after(hours * 3600 - 1)
        assert (await w.status(job_id))["status"] == "processing"
        await w.after(2)

        assert (await w.status(job_id))["status"] == "pending"
        assert await w.worker("box-2", types=content_type).take() == job_id


async def test_the_time_can_be_set(tmp_path: Path) -> None:
    async with old_world(tmp_path, lease_s=60.0) as w:
        job_id = await w.create()
        await w.worker().take()
        await w.after(61)

        assert (await w.status(job_id))["status"] == "pending"


@pytest.mark.parametrize("question", ["status", "download"])
async def test_a_worker_that_asks_after_its_job_has_its_time_anew(
    tmp_path: Path, question: str
) -> None:
    """MoRAG's own never asks; our agent in its dialect does, and a film may take long."""
    async with old_world(tmp_path) as w:
        job_id, worker = await w.create(), w.worker()
        await worker.take()
        for _ in range(5):
            await w.after(1700)
            assert (await getattr(worker, question)(job_id)).status_code == 200
            assert (await w.status(job_id))["status"] == "processing"
        await w.after(1801)
        await worker.status(job_id)

        assert (await w.status(job_id))["status"] == "pending"


async def test_a_restart_does_not_shorten_the_time(tmp_path: Path) -> None:
    async with old_world(tmp_path) as w:
        clock, job_id = w.clock, await w.create()
        await w.worker().take()
        await w.after(300)
    clock.advance(3600)
    async with old_world(tmp_path, clock=clock) as w:
        await w.after(1400)
        assert (await w.status(job_id))["status"] == "processing"
        await w.after(200)
        assert (await w.status(job_id))["status"] == "pending"


async def test_a_job_that_ends_every_worker_is_given_up(tmp_path: Path) -> None:
    async with old_world(tmp_path) as w:
        job_id, worker = await w.create(), w.worker()
        for _ in range(3):
            assert await worker.take() == job_id
            await w.after(1801)
        assert (await worker.poll())["job_id"] is None
        await w.after(3601)
        state = await w.status(job_id)

        assert (state["status"], state["retry_count"]) == ("timeout", 3)


async def test_a_late_result_is_taken_while_nobody_else_has_the_job(tmp_path: Path) -> None:
    async with old_world(tmp_path) as w:
        job_id, worker = await w.create(), w.worker()
        await worker.take()
        await w.after(1801)
        assert await worker.bring(job_id) == DONE
        await w.told.until(1)

        assert w.told.jobs == [job_id]
        assert (await w.status(job_id))["worker_id"] == worker.name


async def test_a_late_result_is_taken_while_another_has_only_begun(tmp_path: Path) -> None:
    """What is there is worth more than what is to come; the other is told to stop."""
    async with old_world(tmp_path) as w:
        job_id, worker = await w.create(), w.worker()
        await worker.take()
        await w.after(1801)
        agent = await w.world.agent()
        lease = (await agent.take())["lease_id"]
        line = await agent.upload(lease, "transcript.md", b"from the agent")
        assert await worker.bring(job_id) == DONE
        await w.told.until(1)

        assert [call["content"] for call in w.told.calls] == [TEXT]
        assert code_of(await agent.renew(lease)) == (409, "lease_lost")
        done = await agent.say(lease, "complete", manifest=[line])
        assert (await agent.renew(lease)).json()["reason"] == "superseded"
        assert code_of(done) == (409, "lease_lost")
        assert [line["name"] for line in (await w.world.job(job_id))["artifacts"]] == [
            "transcript.md",
            "metadata.json",
        ]
        assert w.told.jobs == [job_id]


async def test_a_late_result_is_taken_while_another_old_worker_has_begun(tmp_path: Path) -> None:
    async with old_world(tmp_path) as w:
        job_id, late, other = await w.create(), w.worker(), w.worker("box-2")
        await late.take()
        await w.after(1801)
        assert await other.take() == job_id
        assert await late.bring(job_id) == DONE
        assert detail_of(await other.download(job_id))[0] == 403
        assert await other.bring(job_id, content="later still") == DONE
        await w.told.until(1)

        assert [call["content"] for call in w.told.calls] == [TEXT]


async def test_a_late_result_after_anothers_changes_nothing(tmp_path: Path) -> None:
    async with old_world(tmp_path) as w:
        job_id, worker = await w.create(), w.worker()
        await worker.take()
        await w.after(1801)
        agent = await w.world.agent()
        lease = (await agent.take())["lease_id"]
        await agent.finish(lease, **{"transcript.md": ours("from the agent").encode()})
        assert await worker.bring(job_id) == DONE
        await w.told.until(1)

        assert [call["content"] for call in w.told.calls] == [ours("from the agent")]


@pytest.mark.parametrize(
    "when", ["before transcript.md", "after transcript.md", "after metadata.json"]
)
async def test_a_result_that_comes_while_another_is_being_stored_counts_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, when: str
) -> None:
    async with old_world(tmp_path) as w:
        job_id, worker = await w.create(), w.worker()
        await worker.take()
        await w.after(1801)
        agent = await w.world.agent()
        lease = (await agent.take())["lease_id"]
        receiver = w.world.server.running.receiver
        append = receiver.append

        async def append_between(upload: Upload, *more: Any) -> Upload:
            name = upload.name if upload.origin != lease else "the agent's own"
            if when == f"before {name}":
                await agent.finish(lease, **{"transcript.md": ours("from the agent").encode()})
            appended = await append(upload, *more)
            if when == f"after {name}":
                await agent.finish(lease, **{"transcript.md": ours("from the agent").encode()})
            return appended

        monkeypatch.setattr(receiver, "append", append_between)
        assert await worker.bring(job_id) == DONE
        await w.told.until(1)
        job = await w.world.job(job_id)

        assert [call["content"] for call in w.told.calls] == [ours("from the agent")]
        assert [line["name"] for line in job["artifacts"]] == ["transcript.md"]


async def test_a_late_failure_changes_nothing(tmp_path: Path) -> None:
    async with old_world(tmp_path) as w:
        job_id, late, other = await w.create(), w.worker(), w.worker("box-2")
        await late.take()
        await w.after(1801)
        await other.take()
        assert await late.give_up(job_id) == {"status": "failed", "ingestion_continued": False}

        assert (await w.status(job_id))["status"] == "processing"
        assert (await w.status(job_id))["worker_id"] == other.name


async def test_in_its_last_grace_a_job_can_still_be_brought(tmp_path: Path) -> None:
    async with old_world(tmp_path, max_attempts=1) as w:
        job_id, worker = await w.create(), w.worker()
        await worker.take()
        await w.after(1801 + 3500)
        assert await worker.bring(job_id) == DONE


async def test_after_it_a_job_that_has_failed_stays_so(tmp_path: Path) -> None:
    async with old_world(tmp_path, max_attempts=1) as w:
        job_id, worker = await w.create(), w.worker()
        await worker.take()
        await w.after(1801)
        await w.after(3601)
        answer = await worker.bring(job_id)

        assert answer == {"status": "timeout", "ingestion_continued": False}
        assert w.told.calls == []


async def test_the_native_agents_box_that_starts_anew_with_the_same_token_frees_its_jobs(
    tmp_path: Path,
) -> None:
    """The owner has replaced MoRAG's worker by our agent."""
    async with old_world(tmp_path) as w:
        job_id, worker = await w.create(), w.worker("box-1")
        await worker.take()
        agent = await w.world.agent("box-1")

        assert (await agent.take())["job_id"] == job_id
