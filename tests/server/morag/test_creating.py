"""What a creator's file and request become."""

import asyncio
import os
from pathlib import Path

import pytest

from agent.server.morag.sources import open_source
from agent.server.store.transaction import Transaction
from tests.server.morag.old import SOUND, detail_of, old_world
from tests.server.world import sha256

pytestmark = pytest.mark.real_time


async def test_later_changes_of_the_file_do_not_matter(tmp_path: Path) -> None:
    async with old_world(tmp_path) as w:
        path = w.file()
        overwritten, removed = await w.create(), await w.create()
        with path.open("r+b") as same_file:
            same_file.write(b"other")
        worker = w.worker()
        assert (await worker.download(await worker.take())).content == SOUND
        await asyncio.to_thread(path.unlink)
        assert (await worker.download(await worker.take())).content == SOUND

        for job_id in (overwritten, removed):
            assert (await w.world.job(job_id))["sha256"] == sha256(SOUND)


async def test_the_job_is_one_of_the_job_api_with_our_options(tmp_path: Path) -> None:
    async with old_world(tmp_path, queue="gpu_priority", max_attempts=2) as w:
        job_id = await w.create(
            source_file_path=str(w.file("Ein Gespräch.mp3")),
            task_options={"language": "de", "webhook_url": "http://somewhere"},
        )
        agent = await w.world.agent()
        offer = await agent.take()

        assert offer["job_id"] == job_id
        assert offer["options"] == {"language": "de"}
        assert offer["input"]["filename"] == "Ein Gespräch.mp3"
        assert offer["queue"] == "gpu_priority"
        assert (await w.world.job(job_id))["max_attempts"] == 2


async def test_the_same_request_again_is_the_same_job(tmp_path: Path) -> None:
    """The answer was lost, or the creator's time was up before the file was taken in."""
    async with old_world(tmp_path) as w:
        wanted = {"source_file_path": str(w.file()), "ingestion_task_id": "task-1"}
        first = await w.create(**wanted)

        assert await w.create(**wanted) == first
        assert await w.create(**wanted, task_options={"language": "de"}) != first
        assert await w.create(**wanted | {"ingestion_task_id": "task-2"}) != first


async def test_the_same_request_again_does_not_need_the_file_any_more(tmp_path: Path) -> None:
    async with old_world(tmp_path) as w:
        path = w.file()
        wanted = {"source_file_path": str(path), "ingestion_task_id": "task-1"}
        first = await w.create(**wanted)
        await asyncio.to_thread(path.unlink)

        assert await w.create(**wanted) == first


async def test_without_a_task_each_request_is_a_job_of_its_own(tmp_path: Path) -> None:
    async with old_world(tmp_path) as w:
        assert await w.create() != await w.create()


async def test_after_a_failure_the_same_request_is_a_new_job(tmp_path: Path) -> None:
    async with old_world(tmp_path, max_attempts=1) as w:
        wanted = {"source_file_path": str(w.file()), "ingestion_task_id": "task-1"}
        first, worker = await w.create(**wanted), w.worker()
        await worker.take()
        await worker.give_up(first)

        assert await w.create(**wanted) != first


async def test_two_requests_at_once_are_one_job(tmp_path: Path) -> None:
    async with old_world(tmp_path) as w:
        path = w.file(content=os.urandom(8 * 2**20))
        wanted = {"source_file_path": str(path), "ingestion_task_id": "task-1"}
        async with asyncio.TaskGroup() as group:
            asked = [group.create_task(w.create(**wanted)) for _ in range(5)]
        (job_id,) = {task.result() for task in asked}

        assert (await w.world.job(job_id))["sha256"] == sha256(path.read_bytes())
        assert not w.world.app.state.morag.takings


def _forget_its_end(tx: Transaction) -> None:
    tx.db.execute("UPDATE jobs SET state = 'created', is_whole = 0")
    tx.db.execute("UPDATE uploads SET is_done = 0, received = 3")


async def test_a_request_that_a_restart_cut_off_goes_on_with_the_next(tmp_path: Path) -> None:
    wanted = {"ingestion_task_id": "task-1", "source_file_path": str(tmp_path / "uploads/a.mp3")}
    async with old_world(tmp_path) as w:
        w.file()
        job_id = await w.create(**wanted)
        await w.world.server.store.run(_forget_its_end)
        whole = w.world.folder / "server-files" / job_id / "input"
        await asyncio.to_thread(whole.rename, whole.with_name("input.part"))
        assert (await w.status(job_id))["status"] == "pending"

    async with old_world(tmp_path) as w:
        assert await w.create(**wanted) == job_id
        assert (await w.world.job(job_id))["sha256"] == sha256(SOUND)
        assert await w.world.state(job_id) == "queued"


async def test_a_file_that_is_written_to_meanwhile_makes_no_job(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with old_world(tmp_path) as w:
        path = w.file(content=bytes(3 * 2**20))

        def open_then_write(*arguments: object) -> object:
            source = open_source(*arguments)  # type: ignore[arg-type]
            with path.open("ab") as still_written:
                still_written.write(b"more")
            return source

        monkeypatch.setattr("agent.server.morag.creators.open_source", open_then_write)
        status, detail = detail_of(await w.ask(source_file_path=str(path)))

        assert status == 409
        assert "being written to" in detail
        assert (await w.client.get("/v1/jobs")).json()["jobs"] == []
        assert not list((w.world.folder / "server-files").iterdir())


async def test_an_empty_file_is_a_file(tmp_path: Path) -> None:
    async with old_world(tmp_path) as w:
        await w.create(source_file_path=str(w.file(content=b"")))
        worker = w.worker()

        assert (await worker.download(await worker.take())).content == b""


async def test_a_file_that_is_too_large_is_refused(tmp_path: Path) -> None:
    async with old_world(tmp_path, server={"max_upload_bytes": len(SOUND) - 1}) as w:
        assert detail_of(await w.ask())[0] == 413


async def test_a_disk_without_room_is_told(tmp_path: Path) -> None:
    async with old_world(tmp_path, server={"reserve_bytes": 2**60}) as w:
        assert detail_of(await w.ask())[0] == 507


@pytest.mark.parametrize(
    ("wrong", "field"),
    [
        ({"source_file_path": 7}, "source_file_path"),
        ({"content_type": None}, "content_type"),
        ({"task_options": []}, "task_options"),
        ({"ingestion_task_id": {}}, "ingestion_task_id"),
    ],
)
async def test_a_wrong_field_is_named(tmp_path: Path, wrong: dict[str, object], field: str) -> None:
    async with old_world(tmp_path) as w:
        assert detail_of(await w.ask(**wrong)) == (422, field)


async def test_a_content_type_that_no_job_can_have_is_refused(tmp_path: Path) -> None:
    async with old_world(tmp_path) as w:
        status, detail = detail_of(await w.ask(content_type="audio/mpeg; s"))

        assert (status, detail.split()[0]) == (422, "content_type")


async def test_without_its_slash_the_address_redirects_as_it_always_did(tmp_path: Path) -> None:
    async with old_world(tmp_path) as w:
        answer = await w.client.post("/api/v1/remote-jobs", json={})

        assert answer.status_code == 307
        assert answer.headers["location"].endswith("/api/v1/remote-jobs/")
