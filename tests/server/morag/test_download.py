"""The input as old workers fetch it: whole or in parts, under its own name."""

from pathlib import Path

import pytest

from tests.server.morag.old import SOUND, detail_of, old_world
from tests.server.world import sha256

pytestmark = pytest.mark.real_time


async def test_the_whole_file_with_a_strong_etag(tmp_path: Path) -> None:
    async with old_world(tmp_path) as w:
        await w.create()
        worker = w.worker()
        answer = await worker.download(await worker.take())

        assert (answer.status_code, answer.content) == (200, SOUND)
        assert answer.headers["etag"] == f'"{sha256(SOUND)}"'
        assert answer.headers["content-type"] == "application/octet-stream"
        assert answer.headers["content-length"] == str(len(SOUND))
        assert answer.headers["accept-ranges"] == "bytes"


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("a.mp3", 'attachment; filename="a.mp3"'),
        ("a b.mp3", "attachment; filename*=utf-8''a%20b.mp3"),
        ("Gespräch.mp3", "attachment; filename*=utf-8''Gespr%C3%A4ch.mp3"),
        ('a"b;\r\n.mp3', "attachment; filename*=utf-8''a%22b%3B%0D%0A.mp3"),
    ],
)
async def test_the_name_is_the_creators(tmp_path: Path, name: str, told: str) -> None:
    async with old_world(tmp_path) as w:
        await w.create(source_file_path=str(w.file(name)))
        worker = w.worker()
        answer = await worker.download(await worker.take())

        assert answer.headers["content-disposition"] == told


async def test_a_cut_download_goes_on(tmp_path: Path) -> None:
    async with old_world(tmp_path) as w:
        await w.create()
        worker = w.worker()
        job_id = await worker.take()
        etag = {"If-Range": f'"{sha256(SOUND)}"'}
        rest = await worker.download(job_id, Range="bytes=5-", **etag)
        other = await worker.download(job_id, **{"Range": "bytes=5-", "If-Range": '"other"'})
        past = await worker.download(job_id, Range=f"bytes={len(SOUND)}-")

        assert (rest.status_code, rest.content) == (206, SOUND[5:])
        assert rest.headers["content-range"] == f"bytes 5-{len(SOUND) - 1}/{len(SOUND)}"
        assert (other.status_code, other.content) == (200, SOUND)
        assert detail_of(past)[0] == 416
        assert past.headers["content-range"] == f"bytes */{len(SOUND)}"


async def test_only_while_the_job_is_processing_and_only_for_its_worker(tmp_path: Path) -> None:
    async with old_world(tmp_path) as w:
        job_id, worker, other = await w.create(), w.worker(), w.worker("box-2")
        assert detail_of(await worker.download(job_id))[0] == 403
        await worker.take()
        assert detail_of(await other.download(job_id))[0] == 403
        assert (await worker.download(job_id)).status_code == 200
        await w.after(1801)
        assert detail_of(await worker.download(job_id))[0] == 403
        await worker.take()
        await worker.bring(job_id)
        assert detail_of(await worker.download(job_id))[0] == 403
        assert detail_of(await worker.download("0" * 24))[0] == 404


async def test_not_for_a_worker_whose_job_another_has_now(tmp_path: Path) -> None:
    async with old_world(tmp_path) as w:
        job_id, late, other = await w.create(), w.worker(), w.worker("box-2")
        await late.take()
        await w.after(1801)
        await other.take()

        assert detail_of(await late.download(job_id))[0] == 403
        assert (await other.download(job_id)).status_code == 200


async def test_a_file_that_is_missing_is_not_found(tmp_path: Path) -> None:
    async with old_world(tmp_path) as w:
        job_id, worker = await w.create(), w.worker()
        await worker.take()
        (w.world.folder / "server-files" / job_id / "input").unlink()

        assert detail_of(await worker.download(job_id)) == (404, "Source file not found")


async def test_there_is_no_head(tmp_path: Path) -> None:
    """MoRAG has none, and its workers ask for none."""
    async with old_world(tmp_path) as w:
        job_id, worker = await w.create(), w.worker()
        await worker.take()
        answer = await worker.http.head(f"/api/v1/remote-jobs/{job_id}/download")

        assert answer.status_code == 405
