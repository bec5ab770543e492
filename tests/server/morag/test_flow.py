"""An old worker's whole day, in MoRAG's own shapes."""

import json
from pathlib import Path

import pytest
from starlette.requests import Request

from tests.server.morag.old import JOBS, SOUND, TEXT, old_world, ours

pytestmark = pytest.mark.real_time
NOTHING = {"job_id": None, "source_file_url": None, "content_type": None, "task_options": None}
WISHES = {"language": "de", "databases": [{"password": "hunter2"}], "webhook_auth_token": "s3cret"}


async def test_a_job_goes_from_its_creator_over_an_old_worker_to_the_ingestion(
    tmp_path: Path,
) -> None:
    async with old_world(tmp_path) as w:
        answer = await w.ask(task_options=WISHES, ingestion_task_id="task-7")
        job_id = answer.json()["job_id"]
        assert answer.json() | {"created_at": ""} == {
            "job_id": job_id,
            "status": "pending",
            "created_at": "",
        }
        worker = w.worker()
        assert await worker.poll() == {
            "job_id": job_id,
            "source_file_url": f"{JOBS}/{job_id}/download",
            "content_type": "audio",
            "task_options": WISHES,
        }
        assert (await worker.download(job_id)).content == SOUND
        done = await worker.bring(job_id, processing_time=12.5)
        await w.told.until(1)

        assert done == {"status": "completed", "ingestion_continued": True}
        assert w.told.calls == [
            {
                "job_id": job_id,
                "ingestion_task_id": "task-7",
                "content": TEXT,
                "metadata": {"language": "de"},
                "processing_time": 12.5,
                "task_options": WISHES,
            }
        ]


async def test_no_job_is_a_job_of_nulls(tmp_path: Path) -> None:
    async with old_world(tmp_path) as w:
        assert await w.worker().poll() == NOTHING
        await w.create(content_type="document")
        assert await w.worker("box-2").poll() == NOTHING


async def test_the_result_is_kept_under_the_names_of_our_own_pipelines(tmp_path: Path) -> None:
    async with old_world(tmp_path) as w:
        job_id, worker = await w.create(), w.worker()
        await worker.take()
        await worker.bring(job_id, processing_time=2.5)
        job = await w.world.job(job_id)
        text = await w.client.get(f"/v1/jobs/{job_id}/artifacts/transcript.md")
        metadata = await w.client.get(f"/v1/jobs/{job_id}/artifacts/metadata.json")

        assert [line["name"] for line in job["artifacts"]] == ["transcript.md", "metadata.json"]
        assert (text.text, metadata.json()) == (TEXT, {"language": "de"})
        assert job["summary"] == {"content_type": "audio", "language": "de"}
        assert job["metrics"] == {"process_s": 2.5}


async def test_one_poll_gets_one_job_however_many_it_asks_for(tmp_path: Path) -> None:
    async with old_world(tmp_path) as w:
        jobs = [await w.create(ingestion_task_id=str(number)) for number in range(3)]
        assert (await w.worker().poll(max_jobs="5"))["job_id"] == jobs[0]
        assert [(await w.status(job))["status"] for job in jobs] == [
            "processing",
            "pending",
            "pending",
        ]


async def test_the_oldest_job_comes_first_and_spaces_in_the_list_do_not_matter(
    tmp_path: Path,
) -> None:
    async with old_world(tmp_path) as w:
        film = await w.create(content_type="video", source_file_path=str(w.file("b.mp4")))
        sound = await w.create()
        worker = w.worker()

        assert (await worker.poll(content_types=" audio , video "))["job_id"] == film
        assert (await worker.poll(content_types="video, audio,"))["job_id"] == sound


async def test_jobs_of_the_job_api_are_not_for_old_workers(tmp_path: Path) -> None:
    """Who submitted them expects all that our own pipelines make."""
    async with old_world(tmp_path) as w:
        job_id = await w.world.submit()
        worker = w.worker()

        assert await worker.poll() == NOTHING
        assert (await worker.download(job_id)).status_code == 404
        assert (await worker.status(job_id)).status_code == 404


async def test_secrets_in_the_wishes_reach_no_view_no_agent_and_no_log(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    async with old_world(tmp_path) as w:
        w.told.failures, w.told.why = 1, "hunter2 is refused"
        job_id = await w.create(task_options=WISHES)
        agent = await w.world.agent()
        offer = await agent.take()
        refused = await w.ask(task_options="hunter2", content_type=["s3cret"])
        await agent.finish(offer["lease_id"], **{"transcript.md": ours("Guten Tag.").encode()})
        await w.told.until(1)
        views = [
            json.dumps(offer),
            json.dumps(await w.world.job(job_id)),
            json.dumps(await w.status(job_id)),
            refused.text,
        ]

    said = capsys.readouterr()
    for text in (*views, said.out, said.err):
        assert "hunter2" not in text
        assert "s3cret" not in text


async def test_a_job_is_not_lost_with_a_poll_whose_worker_has_hung_up(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def has_gone(_request: Request) -> bool:
        return True

    async with old_world(tmp_path) as w:
        job_id, worker = await w.create(), w.worker()
        with monkeypatch.context() as patched:
            patched.setattr(Request, "is_disconnected", has_gone)
            await worker.poll()
        state = await w.status(job_id)

        assert (state["status"], state["retry_count"]) == ("pending", 0)
        assert await worker.take() == job_id


async def test_the_schema_tells_the_old_urls_where_they_are_answered(tmp_path: Path) -> None:
    async with old_world(tmp_path) as w:
        paths = (await w.client.get("/openapi.json")).json()["paths"]

    told = {(method, path) for path, methods in paths.items() for method in methods}
    assert told >= {
        ("post", f"{JOBS}/"),
        ("get", f"{JOBS}/poll"),
        ("get", f"{JOBS}/{{job_id}}/download"),
        ("put", f"{JOBS}/{{job_id}}/result"),
        ("get", f"{JOBS}/{{job_id}}/status"),
        ("post", "/api/v1/workers/register"),
        ("post", "/api/v1/workers/{worker_id}/heartbeat"),
        ("get", "/api/v1/workers"),
        ("get", "/api/v1/workers/stats"),
        ("get", "/api/v1/workers/{worker_id}"),
        ("delete", "/api/v1/workers/{worker_id}"),
    }
