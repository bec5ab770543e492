"""The stand-in does as MoRAG's server was seen to do: what is called without a lease, and errs."""

import asyncio
from pathlib import Path

import httpx
import pytest

from tests.fakes.morag import Manners
from tests.morag.callers import JOBS, calling, stand_in_of

WORDS = b"0123456789"


@pytest.fixture
def source(tmp_path: Path) -> Path:
    path = tmp_path / "note.txt"
    path.write_bytes(WORDS)
    return path


async def test_a_job_goes_its_way_once(source: Path) -> None:
    stand_in = stand_in_of()
    async with calling(stand_in) as worker:
        job_id = await worker.create(str(source), language="de")
        assert (await worker.status(job_id))["status"] == "pending"

        assert await worker.poll("audio, text") == {
            "job_id": job_id,
            "source_file_url": f"{JOBS}/{job_id}/download",
            "content_type": "text",
            "task_options": {"language": "de"},
        }
        told = await worker.status(job_id)
        assert (told["status"], told["worker_id"], told["retry_count"]) == (
            "processing",
            "attic",
            0,
        )
        assert (await worker.download(job_id)).content == WORDS
        answer = await worker.result(job_id, success=True, content="Words.", metadata={"a": 1})

    assert answer.json() == {"status": "completed", "ingestion_continued": True}
    assert stand_in.books.ingestions == {job_id: 1}
    assert stand_in.books.lost() == stand_in.books.ingested_twice() == []


async def test_no_job_is_an_answer_with_four_nulls(source: Path) -> None:
    stand_in = stand_in_of()
    stand_in.add(source, "audio")
    async with calling(stand_in) as worker:
        assert list((await worker.poll("text")).values()) == [None] * 4


async def test_of_five_jobs_that_are_asked_for_four_are_stranded(source: Path) -> None:
    stand_in = stand_in_of()
    async with calling(stand_in) as worker:
        first, *others = [await worker.create(str(source)) for _ in range(5)]

        assert (await worker.poll(max_jobs=5))["job_id"] == first
        assert (await worker.poll(max_jobs=5))["job_id"] is None

    assert {job.status for job in stand_in.jobs} == {"processing"}
    assert set(stand_in.books.lost()) == {first, *others}


async def test_who_waits_too_long_waits_for_ever(source: Path) -> None:
    stand_in = stand_in_of()
    job = stand_in.add(source, "document")
    async with calling(stand_in) as worker:
        await asyncio.sleep(0.25 * 3600 + 1)

        assert (await worker.poll("document"))["job_id"] is None

    assert job.status == "pending"


async def test_nobody_ever_takes_a_job_from_a_worker(source: Path) -> None:
    stand_in = stand_in_of()
    job = stand_in.add(source)
    async with calling(stand_in) as worker:
        await worker.poll()
        await asyncio.sleep(30 * 24 * 3600)

        assert (await worker.poll())["job_id"] is None
        assert (await worker.download(job.id)).status_code == 200
        answer = await worker.result(job.id, success=True, content="Late.")

    assert answer.json()["ingestion_continued"] is True


@pytest.mark.parametrize("state", ["pending", "processing", "completed", "failed", "timeout"])
async def test_a_result_is_taken_in_any_state_and_ingested_again(source: Path, state: str) -> None:
    stand_in = stand_in_of()
    job = stand_in.add(source)
    stand_in.jobs.put(job, state)
    async with calling(stand_in) as worker:
        for _ in range(2):
            assert (await worker.result(job.id, success=True, content="Words.")).status_code == 200

    assert stand_in.books.ingested_twice() == [job.id]


async def test_a_failure_turns_a_success_over_and_is_final(source: Path) -> None:
    stand_in = stand_in_of()
    job = stand_in.add(source)
    async with calling(stand_in) as worker:
        await worker.result(job.id, success=True, content="Words.")
        answer = await worker.result(job.id, success=False, error_message="no")
        told = await worker.status(job.id)

    assert answer.json() == {"status": "failed", "ingestion_continued": False}
    assert (told["error_message"], told["retry_count"]) == ("no", 1)
    assert stand_in.books.failed() == [job]


@pytest.mark.parametrize("content", ["", None])
async def test_an_empty_text_is_a_success_that_is_lost(source: Path, content: str | None) -> None:
    stand_in = stand_in_of()
    job = stand_in.add(source)
    async with calling(stand_in) as worker:
        answer = await worker.result(job.id, success=True, content=content)

    assert answer.json() == {"status": "completed", "ingestion_continued": False}
    assert stand_in.books.lost() == [job.id]


@pytest.mark.parametrize(("marks_first", "meanwhile"), [(True, "completed"), (False, "pending")])
async def test_a_result_is_ingested_within_its_request(
    source: Path, meanwhile: str, *, marks_first: bool
) -> None:
    stand_in = stand_in_of(manners=Manners(ingestion_s=66.0, marks_first=marks_first))
    job = stand_in.add(source)
    async with calling(stand_in, patience=60.0) as worker:
        with pytest.raises(httpx.ReadTimeout):
            await worker.result(job.id, success=True, content="Words.")
        assert (await worker.status(job.id))["status"] == meanwhile
        await asyncio.sleep(10)

        assert (await worker.status(job.id))["status"] == "completed"

    assert stand_in.books.finished == {job.id: 1}


async def test_a_server_that_stands_still_answers_nobody_while_it_ingests(source: Path) -> None:
    stand_in = stand_in_of(manners=Manners(ingestion_s=60.0, stands_still=True))
    job = stand_in.add(source)
    async with calling(stand_in, patience=30.0) as worker:
        bringing = asyncio.create_task(worker.result(job.id, success=True, content="Words."))
        await asyncio.sleep(1)
        stand_in.add(source)
        with pytest.raises(httpx.ReadTimeout):
            await worker.poll()
        with pytest.raises(httpx.ReadTimeout):
            await bringing
        await asyncio.sleep(60)

    assert {job.status for job in stand_in.jobs} == {"completed", "processing"}


async def test_an_ingestion_that_fails_is_called_completed(source: Path) -> None:
    stand_in = stand_in_of(manners=Manners(ingestion_fails=True))
    job = stand_in.add(source)
    async with calling(stand_in) as worker:
        answer = await worker.result(job.id, success=True, content="Words.")

    assert answer.json() == {"status": "completed", "ingestion_continued": False}


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", f"{JOBS}/poll?worker_id=a", 422),
        ("GET", f"{JOBS}/poll?worker_id=a&content_types=text&max_jobs=many", 422),
        ("GET", f"{JOBS}/nobody/status", 404),
        ("GET", f"{JOBS}/nobody/download", 404),
        ("PUT", f"{JOBS}/nobody/result", 422),
        ("POST", f"{JOBS}/", 422),
        ("POST", JOBS, 307),
        ("GET", "/nowhere", 404),
        ("GET", "/health", 200),
    ],
)
async def test_what_makes_no_sense_is_told_as_fastapi_does(
    method: str, path: str, status: int
) -> None:
    async with calling(stand_in_of()) as worker:
        answer = await worker.http.request(method, path, json={"content": "x"})

    assert answer.status_code == status


async def test_a_job_that_nobody_knows_is_told_from_an_address_that_nobody_knows() -> None:
    async with calling(stand_in_of()) as worker:
        answer = await worker.result("nobody", success=True)

    assert (answer.status_code, answer.json()) == (404, {"detail": "Job nobody not found"})


async def test_more_than_was_asked_for_is_ignored_and_nan_is_taken(source: Path) -> None:
    stand_in = stand_in_of()
    job = stand_in.add(source)
    body = b'{"success": true, "content": "x", "metadata": {"a": NaN}, "more": 1}'
    async with calling(stand_in) as worker:
        answer = await worker.http.put(
            f"{JOBS}/{job.id}/result", content=body, headers={"Content-Type": "application/json"}
        )

    assert answer.status_code == 200


@pytest.mark.parametrize(("content_type", "minutes"), [("audio", 5), ("video", 15), ("web", 10)])
async def test_its_times_say_no_zone(source: Path, content_type: str, minutes: int) -> None:
    stand_in = stand_in_of()
    job = stand_in.add(source, content_type)
    async with calling(stand_in) as worker:
        await worker.poll(content_type)
        told = await worker.status(job.id)

    assert told["created_at"] == told["started_at"] == "2027-01-15T08:00:00"
    assert told["estimated_completion"] == f"2027-01-15T08:{minutes:02}:00"


async def test_newer_servers_do_not_have_the_remote_jobs_mounted() -> None:
    async with calling(stand_in_of(manners=Manners(is_mounted=False, has_health=False))) as worker:
        answer = await worker.http.get(f"{JOBS}/poll?worker_id=a&content_types=text")
        health = await worker.http.get("/health")
        stages = await worker.http.get("/api/v1/stages/health")

    assert (answer.status_code, answer.json()) == (404, {"detail": "Not Found"})
    assert (health.status_code, stages.status_code) == (404, 200)


async def test_behind_a_prefix_its_own_addresses_lack_it(source: Path) -> None:
    stand_in = stand_in_of(manners=Manners(prefix="/morag"))
    stand_in.add(source)
    async with calling(stand_in) as worker:
        job = await worker.poll()
        outside = await worker.http.get(f"http://morag.example{job['source_file_url']}")

        assert (await worker.download(job["job_id"])).content == WORDS

    assert job["source_file_url"].startswith(JOBS)
    assert outside.status_code == 404


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"Authorization": "Bearer k-1"}, 200),
        ({"Authorization": "ApiKey k-1"}, 200),
        ({"X-API-Key": "k-1"}, 200),
        ({"Authorization": "Bearer k-2"}, 401),
        ({"X-API-Key": "k-2"}, 401),
        ({}, 401),
    ],
)
async def test_a_key_may_be_shown_in_three_ways(headers: dict[str, str], status: int) -> None:
    async with calling(stand_in_of(manners=Manners(key="k-1")), headers) as worker:
        answer = await worker.http.get(f"{JOBS}/poll?worker_id=a&content_types=text")

    assert answer.status_code == status


async def test_a_key_may_be_taken_in_one_way_only() -> None:
    stand_in = stand_in_of(manners=Manners(key="k-1", key_headers=("X-API-Key",)))
    async with calling(stand_in, {"Authorization": "Bearer k-1"}) as worker:
        answer = await worker.http.get(f"{JOBS}/poll?worker_id=a&content_types=text")

    assert answer.status_code == 401


async def test_jobs_and_books_outlast_the_process(source: Path, tmp_path: Path) -> None:
    folder = tmp_path / "data"
    stand_in = stand_in_of(folder=folder)
    done, open_ = stand_in.add(source), stand_in.add(source)
    async with calling(stand_in) as worker:
        await worker.poll()
        await worker.result(done.id, success=True, content="Words.")
    again = stand_in_of(folder=folder)

    states = {job.id: job.status for job in again.jobs}
    assert states == {done.id: "completed", open_.id: "pending"}
    assert (folder / "completed" / f"{done.id}.json").exists()
    assert again.books.ingestions == {done.id: 1}
    assert again.books.lost() == [open_.id]


async def test_the_books_know_how_often_it_was_asked(source: Path) -> None:
    stand_in = stand_in_of()
    stand_in.add(source)
    async with calling(stand_in) as worker:
        for _ in range(10):
            await worker.poll()
            await asyncio.sleep(1)

    assert stand_in.books.calls("poll") == 10
    assert stand_in.books.most_requests_within(3.5) == 4
