"""What a PUT of a result does, and what a second one no longer does."""

import asyncio
from pathlib import Path
from typing import Any

import pytest

from agent.server.problems import ProblemError
from agent.server.store import clients, leases, uploads
from agent.server.store.transaction import Transaction
from agent.wire.problems import ProblemCode
from tests.server.morag.old import TEXT, OldWorker, OldWorld, detail_of, old_world

pytestmark = pytest.mark.real_time
DONE = {"status": "completed", "ingestion_continued": True}
FAILED = {"status": "failed", "ingestion_continued": False}


async def taken(w: OldWorld) -> tuple[OldWorker, str]:
    job_id, worker = await w.create(), w.worker()
    assert await worker.take() == job_id
    return worker, job_id


async def test_the_same_result_again_changes_nothing(tmp_path: Path) -> None:
    async with old_world(tmp_path) as w:
        worker, job_id = await taken(w)
        answers = [await worker.bring(job_id) for _ in range(3)]
        await w.told.until(1)
        await asyncio.sleep(0.2)

        assert answers == [DONE, DONE, DONE]
        assert w.told.jobs == [job_id]


async def test_another_result_after_the_first_changes_nothing(tmp_path: Path) -> None:
    async with old_world(tmp_path) as w:
        worker, job_id = await taken(w)
        await worker.bring(job_id)
        await worker.bring(job_id, content="something else")
        await w.told.until(1)
        text = await w.client.get(f"/v1/jobs/{job_id}/artifacts/transcript.md")

        assert text.text == TEXT
        assert [call["content"] for call in w.told.calls] == [TEXT]


async def test_results_that_come_at_the_same_time_count_once(tmp_path: Path) -> None:
    async with old_world(tmp_path) as w:
        worker, job_id = await taken(w)
        async with asyncio.TaskGroup() as group:
            answers = [
                group.create_task(worker.bring(job_id, content=f"{number} says the same"))
                for number in range(10)
            ]
        await w.told.until(1)
        await asyncio.sleep(0.2)
        text = (await w.client.get(f"/v1/jobs/{job_id}/artifacts/transcript.md")).text

        assert [answer.result() for answer in answers] == [DONE] * 10
        assert [call["content"] for call in w.told.calls] == [text]


async def test_a_failure_after_success_changes_nothing(tmp_path: Path) -> None:
    async with old_world(tmp_path) as w:
        worker, job_id = await taken(w)
        await worker.bring(job_id)

        assert await worker.give_up(job_id) == DONE
        assert (await w.status(job_id))["status"] == "completed"


async def test_a_failure_is_tried_again_until_the_attempts_are_used_up(tmp_path: Path) -> None:
    async with old_world(tmp_path) as w:
        worker, job_id = await taken(w)
        assert await worker.give_up(job_id) == FAILED
        assert (await w.status(job_id))["status"] == "pending"
        for _ in range(2):
            await w.after(60)
            assert await worker.take() == job_id
            assert await worker.give_up(job_id, "no CUDA") == FAILED
        state = await w.status(job_id)

        assert (state["status"], state["error_message"]) == ("failed", "no CUDA")
        assert state["retry_count"] == 3
        assert w.told.calls == []


async def test_the_same_failure_again_is_counted_once(tmp_path: Path) -> None:
    async with old_world(tmp_path) as w:
        worker, job_id = await taken(w)
        for _ in range(4):
            assert await worker.give_up(job_id) == FAILED

        assert (await w.status(job_id))["retry_count"] == 1


@pytest.mark.parametrize(
    "empty",
    [
        {"content": ""},
        {"content": " \n"},
        {"content": None},
        {"content": None, "metadata": None},
    ],
)
async def test_success_without_content_is_a_failure(tmp_path: Path, empty: dict[str, Any]) -> None:
    async with old_world(tmp_path, max_attempts=1) as w:
        worker, job_id = await taken(w)
        answer = await worker.put(job_id, success=True, **empty)
        state = await w.status(job_id)

        assert answer.json() == FAILED
        assert (state["status"], state["error_message"]) == (
            "failed",
            "the worker sent no content",
        )


async def test_success_after_a_failure_is_still_taken(tmp_path: Path) -> None:
    """Its second try was quicker than the queue."""
    async with old_world(tmp_path) as w:
        worker, job_id = await taken(w)
        await worker.give_up(job_id)

        assert await worker.bring(job_id) == DONE


async def test_what_is_no_number_does_not_cost_the_result(tmp_path: Path) -> None:
    async with old_world(tmp_path) as w:
        worker, job_id = await taken(w)
        body = (
            '{"success": true, "content": "half a \\ud83d pair", "processing_time": NaN,'
            ' "metadata": {"confidence": NaN, "huge": 1e999, "n": 0.5}, "more": 1}'
        )
        answer = await worker.http.put(
            f"/api/v1/remote-jobs/{job_id}/result",
            content=body,
            headers={"Content-Type": "application/json"},
        )
        await w.told.until(1)
        (call,) = w.told.calls

        assert answer.json() == DONE
        assert call["content"] == "half a ? pair"
        assert call["metadata"] == {"confidence": None, "huge": None, "n": 0.5}
        assert call["processing_time"] == 0.0


async def test_a_large_result_is_taken_and_one_that_is_too_large_refused(tmp_path: Path) -> None:
    async with old_world(tmp_path, max_result_bytes=21 * 2**20) as w:
        worker, job_id = await taken(w)
        refused = await worker.put(job_id, success=True, content="x" * (22 * 2**20))
        assert detail_of(refused)[0] == 413
        assert (await w.status(job_id))["status"] == "processing"
        await worker.bring(job_id, content="x" * (20 * 2**20))

        assert (await w.status(job_id))["status"] == "completed"


async def test_metadata_that_is_large_stays_out_of_the_views(tmp_path: Path) -> None:
    async with old_world(tmp_path) as w:
        worker, job_id = await taken(w)
        metadata = {"words": ["word"] * 20_000}
        await worker.bring(job_id, metadata=metadata)
        await w.told.until(1)

        assert (await w.world.job(job_id))["summary"] == {"content_type": "audio"}
        assert w.told.calls[0]["metadata"] == metadata


async def test_a_result_of_a_stranger_is_refused(tmp_path: Path) -> None:
    async with old_world(tmp_path) as w:
        worker, job_id = await taken(w)
        stranger = w.worker("box-2")

        answer = await stranger.put(job_id, success=True, content=TEXT)
        assert detail_of(answer)[0] == 403
        assert (await stranger.put(job_id, success=False)).status_code == 403
        assert await worker.bring(job_id) == DONE


async def test_a_result_for_no_job_is_not_found(tmp_path: Path) -> None:
    async with old_world(tmp_path) as w:
        answer = await w.worker().put("0" * 24, success=True, content=TEXT)

        assert detail_of(answer) == (404, "Job not found")


@pytest.mark.parametrize(
    ("wrong", "field"),
    [({}, "success"), ({"success": True, "metadata": []}, "metadata")],
)
async def test_a_wrong_field_is_named(tmp_path: Path, wrong: dict[str, Any], field: str) -> None:
    async with old_world(tmp_path) as w:
        worker, job_id = await taken(w)

        assert detail_of(await worker.put(job_id, **wrong)) == (422, field)


@pytest.mark.parametrize("body", ["", "{", "[1]", "[" * 5000, "null"])
async def test_what_is_no_result_is_refused_and_nothing_breaks(tmp_path: Path, body: str) -> None:
    async with old_world(tmp_path) as w:
        worker, job_id = await taken(w)
        answer = await worker.http.put(
            f"/api/v1/remote-jobs/{job_id}/result",
            content=body,
            headers={"Content-Type": "application/json"},
        )

        assert answer.status_code == 422
        assert (await w.status(job_id))["status"] == "processing"


async def test_a_cancelled_job_takes_no_result_and_is_free_again(tmp_path: Path) -> None:
    async with old_world(tmp_path) as w:
        worker, job_id = await taken(w)
        await w.client.post(f"/v1/jobs/{job_id}/cancel")
        assert await worker.bring(job_id) == {"status": "cancelled", "ingestion_continued": False}
        assert (await w.status(job_id))["status"] == "cancelled"
        removed = await w.client.delete(f"/v1/jobs/{job_id}")

        assert removed.status_code == 204
        assert w.told.calls == []


async def test_a_removed_job_is_not_found(tmp_path: Path) -> None:
    async with old_world(tmp_path) as w:
        worker, job_id = await taken(w)
        await worker.bring(job_id)
        await w.told.until(1)
        assert (await w.client.delete(f"/v1/jobs/{job_id}")).status_code == 204

        assert detail_of(await worker.put(job_id, success=True, content=TEXT))[0] == 404
        assert detail_of(await w.client.get(f"/api/v1/remote-jobs/{job_id}/status"))[0] == 404


async def test_a_job_that_is_removed_while_its_result_is_stored_is_not_found(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with old_world(tmp_path) as w:
        worker, job_id = await taken(w)
        await w.after(1801)
        check_room = w.world.server.blobs.check_room
        store = w.world.server.store

        def remove_then_check(length: int) -> None:
            removing.append(asyncio.ensure_future(store.run(remove)))
            check_room(length)

        def remove(tx: Transaction) -> None:
            clients.remove(tx, job_id)

        removing: list[asyncio.Future[None]] = []
        monkeypatch.setattr(w.world.server.blobs, "check_room", remove_then_check)
        answer = await worker.put(job_id, success=True, content=TEXT)

        assert detail_of(answer)[0] == 404
        await removing[0]


async def test_without_a_hook_nothing_is_said_to_go_on(tmp_path: Path) -> None:
    async with old_world(tmp_path, on_result=None) as w:
        worker, job_id = await taken(w)

        assert await worker.bring(job_id) == DONE | {"ingestion_continued": False}


@pytest.mark.parametrize("broken", ["create", "note_done", "note_result"])
async def test_a_result_whose_storing_broke_off_can_be_brought_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, broken: str
) -> None:
    """The disk was full, or the process died and the worker is one that tries again."""

    def full(*_arguments: Any, **_more: Any) -> None:
        raise ProblemError(ProblemCode.DISK_FULL, "the server's disk is full")

    module = uploads if hasattr(uploads, broken) else leases
    async with old_world(tmp_path) as w:
        worker, job_id = await taken(w)
        with monkeypatch.context() as patched:
            patched.setattr(module, broken, full)
            refused = await worker.put(job_id, success=True, content=TEXT)
        assert detail_of(refused) == (507, "the server's disk is full")
        clock = w.clock
    async with old_world(tmp_path, clock=clock) as w:
        assert await w.worker().bring(job_id, content="again") == DONE
        await w.told.until(1)
        text = await w.client.get(f"/v1/jobs/{job_id}/artifacts/transcript.md")

        assert text.text == "again"
        assert [call["content"] for call in w.told.calls] == ["again"]
