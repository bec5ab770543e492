"""The stand-in sends files as both versions of its web framework do."""

import re
from pathlib import Path

import httpx
import pytest

from tests.fakes.morag import Manners
from tests.morag.callers import JOBS, Caller, calling, stand_in_of

WORDS = b"0123456789"


async def downloaded(file: Path, *, ranges: bool = True, **headers: str) -> httpx.Response:
    stand_in = stand_in_of(manners=Manners(ranges=ranges))
    job = stand_in.add(file)
    async with calling(stand_in) as worker:
        await worker.poll()
        return await worker.download(job.id, **headers)


@pytest.fixture
def source(tmp_path: Path) -> Path:
    path = tmp_path / "note.txt"
    path.write_bytes(WORDS)
    return path


async def test_the_newer_version_says_that_it_knows_ranges(source: Path) -> None:
    answer = await downloaded(source)

    assert answer.headers["accept-ranges"] == "bytes"
    assert re.fullmatch(r'"[0-9a-f]{32}"', answer.headers["etag"])
    assert answer.headers["content-length"] == "10"
    assert answer.headers["content-type"] == "application/octet-stream"


async def test_the_older_version_knows_no_ranges_and_has_no_quotes(source: Path) -> None:
    answer = await downloaded(source, ranges=False, Range="bytes=4-")

    assert (answer.status_code, answer.content) == (200, WORDS)
    assert "accept-ranges" not in answer.headers
    assert re.fullmatch(r"[0-9a-f]{32}", answer.headers["etag"])


@pytest.mark.parametrize(
    ("asked", "body", "told"),
    [
        ("bytes=4-", b"456789", "bytes 4-9/10"),
        ("bytes=4-6", b"456", "bytes 4-6/10"),
        ("bytes=8-99", b"89", "bytes 8-9/10"),
        ("bytes=-3", b"789", "bytes 7-9/10"),
        ("bytes=0-0", b"0", "bytes 0-0/10"),
    ],
)
async def test_the_newer_version_sends_a_part(
    source: Path, asked: str, body: bytes, told: str
) -> None:
    answer = await downloaded(source, Range=asked)

    assert (answer.status_code, answer.content) == (206, body)
    assert answer.headers["content-range"] == told


async def test_past_the_end_there_is_nothing(source: Path) -> None:
    answer = await downloaded(source, Range="bytes=10-")

    assert (answer.status_code, answer.headers["content-range"]) == (416, "*/10")


@pytest.mark.parametrize(("is_same", "status"), [(True, 206), (False, 200)])
async def test_of_another_file_all_is_sent(source: Path, status: int, *, is_same: bool) -> None:
    etag = (await downloaded(source)).headers["etag"] if is_same else '"0000"'

    answer = await downloaded(source, Range="bytes=4-", If_Range=etag)

    assert answer.status_code == status


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("talk.mp3", 'attachment; filename="talk.mp3"'),
        ("my talk.mp3", "attachment; filename*=utf-8''my%20talk.mp3"),
        ("Grüße.mp3", "attachment; filename*=utf-8''Gr%C3%BC%C3%9Fe.mp3"),
    ],
)
async def test_the_name_is_where_the_extension_is_learnt(
    tmp_path: Path, name: str, told: str
) -> None:
    file = tmp_path / name
    file.write_bytes(WORDS)

    answer = await downloaded(file)

    assert answer.headers["content-disposition"] == told


@pytest.mark.parametrize("state", ["pending", "completed", "failed", "timeout", "cancelled"])
async def test_a_job_gives_its_file_only_while_it_is_processed(source: Path, state: str) -> None:
    stand_in = stand_in_of()
    job = stand_in.add(source)
    stand_in.jobs.put(job, state)
    async with calling(stand_in) as worker:
        answer = await worker.download(job.id)

    assert answer.status_code == 403
    assert answer.json() == {"detail": f"Job {job.id} is not in processing state"}


async def test_any_file_of_the_server_can_be_had() -> None:
    async with calling(stand_in_of()) as worker:
        await worker.create("/etc/passwd")

        assert b"root" in (await fetched(worker)).content


async def test_a_file_that_is_gone_and_a_head_are_errors(source: Path) -> None:
    stand_in = stand_in_of()
    job = stand_in.add(source)
    async with calling(stand_in) as worker:
        await worker.poll()
        head = await worker.http.head(f"{JOBS}/{job.id}/download")
        source.unlink()  # noqa: ASYNC240 - nothing else runs
        gone = await worker.download(job.id)

    assert (head.status_code, gone.status_code) == (405, 404)
    assert gone.json() == {"detail": f"Source file not found: {source}"}


async def fetched(worker: Caller) -> httpx.Response:
    job = await worker.poll()
    return await worker.http.get(job["source_file_url"])
