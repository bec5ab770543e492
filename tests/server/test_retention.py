"""What is removed by itself, and when."""

from pathlib import Path

import pytest

from tests.server.world import INPUT, world

pytestmark = pytest.mark.real_time
DAY = 24 * 3600.0


async def test_an_ended_job_is_removed_with_its_files_after_the_retention(tmp_path: Path) -> None:
    async with world(tmp_path) as w:
        job_id = await w.submit()
        await w.client.post(f"/v1/jobs/{job_id}/cancel")

        await w.after(6.9 * DAY)
        assert await w.state(job_id) == "cancelled"
        await w.after(0.2 * DAY)

        assert (await w.client.get(f"/v1/jobs/{job_id}")).status_code == 404
        assert not list((tmp_path / "server-files").iterdir())


async def test_an_upload_without_news_for_a_day_is_removed(tmp_path: Path) -> None:
    async with world(tmp_path) as w:
        created = (await w.create(size=len(INPUT))).json()
        await w.after(0.9 * DAY)
        await w.send(created["upload"], 0, INPUT[:5])
        await w.after(0.9 * DAY)
        assert await w.state(created["job_id"]) == "created"

        await w.after(0.2 * DAY)

        gone = await w.client.get(f"/v1/jobs/{created['job_id']}")
        assert gone.status_code == 404
        assert not list((tmp_path / "server-files").iterdir())


async def test_a_queued_job_waits_forever(tmp_path: Path) -> None:
    async with world(tmp_path) as w:
        job_id = await w.submit()

        await w.after(400 * DAY)

        assert await w.state(job_id) == "queued"


async def test_artifacts_that_the_manifest_does_not_name_go_with_the_completion(
    tmp_path: Path,
) -> None:
    async with world(tmp_path) as w:
        await w.submit()
        agent = await w.agent()
        lease = (await agent.take())["lease_id"]
        kept = await agent.upload(lease, "a.md", b"kept")
        await agent.upload(lease, "b.md", b"dropped")

        await agent.say(lease, "complete", manifest=[kept])

        contents = {
            path.read_bytes() for path in (tmp_path / "server-files").rglob("*") if path.is_file()
        }
        assert contents == {INPUT, b"kept"}
