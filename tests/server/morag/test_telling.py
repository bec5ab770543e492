"""`on_result`: told of every finished job, again after a failure, never again after a success."""

import asyncio
import threading
from pathlib import Path
from typing import Any

import pytest

from agent.server.morag import telling
from agent.server.problems import ProblemError
from agent.server.store import morag
from agent.wire.problems import ProblemCode
from tests.server.morag.old import OldWorld, Told, old_world, ours

pytestmark = pytest.mark.real_time


@pytest.fixture(autouse=True)
def _look_often(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(telling, "LOOK_EVERY_S", 0.05)


async def brought(w: OldWorld, **more: Any) -> str:
    job_id, worker = await w.create(**more), w.worker()
    await worker.take()
    await worker.bring(job_id)
    return job_id


async def test_an_agents_result_is_told_like_an_old_workers(tmp_path: Path) -> None:
    async with old_world(tmp_path) as w:
        job_id = await w.create(ingestion_task_id="task-1", task_options={"document_id": "d"})
        agent = await w.world.agent()
        lease = (await agent.take())["lease_id"]
        manifest = [
            await agent.upload(lease, "transcript.md", ours("Guten Tag.").encode()),
            await agent.upload(lease, "transcript.srt", b"1"),
        ]
        more = {"summary": {"language": "de"}, "metrics": {"process_s": 3.5}}
        await agent.say(lease, "complete", manifest=manifest, **more)
        await w.told.until(1)
        (call,) = w.told.calls

        assert call["content"] == ours("Guten Tag.")
        assert call["metadata"]["language"] == "de"
        assert call["metadata"]["content_type"] == "audio"
        assert {name: call[name] for name in ("job_id", "ingestion_task_id")} == {
            "job_id": job_id,
            "ingestion_task_id": "task-1",
        }
        assert (call["processing_time"], call["task_options"]) == (3.5, {"document_id": "d"})


async def test_jobs_of_the_job_api_are_not_told(tmp_path: Path) -> None:
    async with old_world(tmp_path) as w:
        await w.world.submit()
        agent = await w.world.agent()
        await agent.finish((await agent.take())["lease_id"], **{"transcript.md": b"text"})
        job_id = await brought(w)
        await w.told.until(1)

        assert w.told.jobs == [job_id]


async def test_what_fails_is_tried_again_later_and_later(tmp_path: Path) -> None:
    async with old_world(tmp_path, told=Told(failures=3)) as w:
        job_id = await brought(w)
        for tries, pause in ((1, 1), (2, 2), (3, 4)):
            await w.told.until(tries)
            await asyncio.sleep(0.2)
            assert len(w.told.calls) == tries
            w.clock.advance(pause - 0.5)
            await asyncio.sleep(0.2)
            assert len(w.told.calls) == tries
            w.clock.advance(0.6)
        await w.told.until(4)
        await asyncio.sleep(0.2)
        w.clock.advance(3600)
        await asyncio.sleep(0.2)

        assert w.told.jobs == [job_id] * 4


async def test_a_result_that_nobody_could_be_told_of_is_told_after_a_restart(
    tmp_path: Path,
) -> None:
    async with old_world(tmp_path, told=Told(failures=1000)) as w:
        job_id = await brought(w)
        await w.told.until(1)
    async with old_world(tmp_path) as w:
        await w.told.until(1)
        assert w.told.jobs == [job_id]
    async with old_world(tmp_path) as w:
        await asyncio.sleep(0.3)
        assert w.told.calls == []


async def test_a_call_that_goes_on_when_the_server_stops_has_a_moment_to_end(
    tmp_path: Path,
) -> None:
    async def slowly(**_result: Any) -> None:
        began.set()
        await asyncio.sleep(0.3)

    began = asyncio.Event()
    async with old_world(tmp_path, on_result=slowly) as w:
        await brought(w)
        await began.wait()
    async with old_world(tmp_path) as w:
        await asyncio.sleep(0.3)
        assert w.told.calls == []


async def test_one_that_does_not_end_by_then_is_begun_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def forever(**_result: Any) -> None:
        began.set()
        await asyncio.Event().wait()

    monkeypatch.setattr(telling, "CLOSE_WITHIN_S", 0.1)
    began = asyncio.Event()
    async with old_world(tmp_path, on_result=forever) as w:
        job_id = await brought(w)
        await began.wait()
    async with old_world(tmp_path) as w:
        await w.told.until(1)
        assert w.told.jobs == [job_id]


async def test_an_ordinary_function_runs_in_a_thread(tmp_path: Path) -> None:
    threads: list[threading.Thread] = []

    def plainly(**_result: Any) -> None:
        threads.append(threading.current_thread())

    async with old_world(tmp_path, on_result=plainly) as w:
        await brought(w)
        async with asyncio.timeout(20):
            while not threads:
                await asyncio.sleep(0.01)

    assert threads[0] is not threading.main_thread()
    assert len(threads) == 1


async def test_so_many_go_on_at_once_and_one_that_hangs_does_not_hold_up_the_others(
    tmp_path: Path,
) -> None:
    class Hanging(Told):
        async def __call__(self, **result: Any) -> None:
            await super().__call__(**result)
            if result["ingestion_task_id"] == "hang":
                await asyncio.Event().wait()

    told = Hanging()
    async with old_world(tmp_path, told=told, results_at_once=2) as w:
        await brought(w, ingestion_task_id="hang")
        await told.until(1)
        others = [await brought(w) for _ in range(5)]
        await told.until(6)
        assert told.jobs[1:] == others
        telling_now = w.world.app.state.morag
        assert telling_now is not None
        for task in asyncio.all_tasks():
            if "Teller._tell" in repr(task):
                task.cancel()


async def test_a_success_that_cannot_be_noted_is_not_told_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    note, tries = morag.note_told, 0

    def full_at_first(*arguments: Any, **more: Any) -> None:
        nonlocal tries
        tries += 1
        if tries <= 3:
            raise ProblemError(ProblemCode.DISK_FULL, "full")
        note(*arguments, **more)

    monkeypatch.setattr(morag, "note_told", full_at_first)
    async with old_world(tmp_path) as w:
        await brought(w)
        async with asyncio.timeout(20):
            while tries < 4:
                await asyncio.sleep(0.02)
        await asyncio.sleep(0.2)

        assert len(w.told.calls) == 1


async def test_a_result_that_was_not_told_outlives_its_time_here(tmp_path: Path) -> None:
    async with old_world(tmp_path, told=Told(failures=1)) as w:
        job_id = await brought(w)
        await w.told.until(1)
        await w.after(8 * 24 * 3600)
        await w.told.until(2)
        assert w.told.jobs == [job_id, job_id]
        await asyncio.sleep(0.2)
        await w.after(1)
        gone = await w.client.get(f"/v1/jobs/{job_id}")

        assert gone.status_code == 404


async def test_a_job_that_is_removed_meanwhile_is_told_no_more(tmp_path: Path) -> None:
    async with old_world(tmp_path, told=Told(failures=1)) as w:
        job_id = await brought(w)
        await w.told.until(1)
        await w.client.delete(f"/v1/jobs/{job_id}")
        w.clock.advance(60)
        await asyncio.sleep(0.3)
        other = await brought(w)
        await w.told.until(2)

        assert w.told.jobs == [job_id, other]


async def test_a_result_whose_file_is_gone_is_tried_again(tmp_path: Path) -> None:
    hidden = Path("hidden")

    class Hiding(Told):
        pass

    async with old_world(tmp_path, told=Hiding(failures=1)) as w:
        job_id = await brought(w)
        await w.told.until(1)
        folder = w.world.folder / "server-files" / job_id
        hidden = folder.with_name("hidden")
        await asyncio.to_thread(folder.rename, hidden)
        w.clock.advance(5)
        await asyncio.sleep(0.3)
        await asyncio.to_thread(hidden.rename, folder)
        w.clock.advance(600)
        await w.told.until(2)

        assert w.told.jobs == [job_id, job_id]
