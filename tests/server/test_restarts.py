"""The server stops, or dies, and starts again on the same folder: nothing is lost."""

import asyncio
from pathlib import Path

import pytest

from agent.server.store.store import FolderInUseError
from tests.server.world import INPUT, TUS, ManualClock, world

pytestmark = pytest.mark.real_time


async def test_jobs_leases_and_uploads_outlive_a_restart(tmp_path: Path) -> None:
    clock = ManualClock()
    async with world(tmp_path, clock) as w:
        job_id = await w.submit()
        agent = await w.agent()
        lease = (await agent.take())["lease_id"]
        created = await agent.create_upload(lease, "a.md", b"0123456789")
        await agent.patch(created.headers["location"], 0, b"0123")

    async with world(tmp_path, clock) as w:
        agent = w.agent_side()
        url = created.headers["location"]
        assert (await agent.head(url)).headers["upload-offset"] == "4"
        await agent.patch(url, 4, b"456789")
        line = await agent.upload(lease, "b.md", b"more")
        done = await agent.say(lease, "complete", manifest=[line])

        assert done.json() == {"job_id": job_id, "state": "completed"}


@pytest.mark.parametrize("away", [3600.0, 10 * 24 * 3600.0, -3600.0])
async def test_time_that_the_server_was_down_never_counts_against_a_lease(
    tmp_path: Path, away: float
) -> None:
    """Not even when the wall clock was set back in between."""
    async with world(tmp_path) as w:
        job_id = await w.submit()
        agent = await w.agent()
        lease = (await agent.take())["lease_id"]
        stopped_at = w.clock.now()

    async with world(tmp_path, ManualClock(stopped_at + away)) as w:
        await w.after(89)
        assert await w.state(job_id) == "leased"
        await w.after(2)
        assert await w.state(job_id) == "queued"
        assert (await w.agent_side().renew(lease)).status_code == 200


@pytest.mark.parametrize("away", [7 * 24 * 3600.0, -7 * 24 * 3600.0])
async def test_a_grace_goes_on_where_it_was(tmp_path: Path, away: float) -> None:
    async with world(tmp_path) as w:
        job_id = await w.submit(max_attempts=1)
        agent = await w.agent()
        await agent.take()
        await w.after(91)
        await w.after(1800)
        stopped_at = w.clock.now()

    async with world(tmp_path, ManualClock(stopped_at + away)) as w:
        await w.after(1700)
        assert await w.state(job_id) == "queued"
        await w.after(200)
        assert await w.state(job_id) == "failed"


async def test_a_repeated_request_is_known_after_a_restart(tmp_path: Path) -> None:
    async with world(tmp_path) as w:
        await w.submit()
        await w.submit()
        agent = await w.agent()
        offer = (await agent.poll(request_id="r"))["offer"]

    async with world(tmp_path) as w:
        agent = w.agent_side()
        again = (await agent.poll(request_id="r"))["offer"]
        assert again["lease_id"] == offer["lease_id"]
        await agent.renew(offer["lease_id"])
        assert (await agent.poll(request_id="r"))["offer"] is None


async def test_superseded_boots_and_directives_are_remembered(tmp_path: Path) -> None:
    async with world(tmp_path) as w:
        old = await w.agent()
        await old.reborn().hello()
        await w.client.post("/v1/agents/a1/directive", json={"directive": "pause"})

    async with world(tmp_path) as w:
        old = w.agent_side()
        assert (await old.ask()).status_code == 409
        assert (await old.reborn().poll())["directive"] == "pause"


async def test_a_second_process_is_refused_with_one_clear_sentence(tmp_path: Path) -> None:
    async with world(tmp_path):
        with pytest.raises(FolderInUseError, match="in use by another server process"):
            async with world(tmp_path):
                pass

    async with world(tmp_path):
        pass


async def test_bytes_behind_the_acknowledged_offset_do_not_count(tmp_path: Path) -> None:
    """A crash in the middle of a PATCH left bytes that were never synced."""
    async with world(tmp_path) as w:
        created = (await w.create(size=len(INPUT))).json()
        await w.send(created["upload"], 0, INPUT[:5])
    (part,) = (tmp_path / "server-files").rglob("*.part")
    with part.open("ab") as torn:
        torn.write(b"\0" * 7)

    async with world(tmp_path) as w:
        head = await w.client.head(created["upload"], headers=TUS)
        assert head.headers["upload-offset"] == "5"
        assert (await w.send(created["upload"], 5, INPUT[5:])).status_code == 204


async def test_a_crash_between_the_rename_and_the_journal_is_noticed(tmp_path: Path) -> None:
    async with world(tmp_path) as w:
        created = (await w.create(size=len(INPUT))).json()
        await w.send(created["upload"], 0, INPUT[:5])
    (part,) = (tmp_path / "server-files").rglob("*.part")
    part.write_bytes(INPUT)
    part.rename(part.with_name("input"))

    async with world(tmp_path) as w:
        head = await w.client.head(created["upload"], headers=TUS)

        assert head.headers["upload-offset"] == str(len(INPUT))
        assert await w.state(created["job_id"]) == "queued"


async def test_a_part_that_was_lost_with_its_disk_begins_again(tmp_path: Path) -> None:
    async with world(tmp_path) as w:
        created = (await w.create(size=len(INPUT))).json()
        await w.send(created["upload"], 0, INPUT[:5])
    (part,) = (tmp_path / "server-files").rglob("*.part")
    part.unlink()

    async with world(tmp_path) as w:
        head = await w.client.head(created["upload"], headers=TUS)
        assert head.headers["upload-offset"] == "0"
        assert (await w.send(created["upload"], 0, INPUT)).status_code == 204


async def test_folders_of_forgotten_jobs_are_removed_at_the_start(tmp_path: Path) -> None:
    async with world(tmp_path) as w:
        job_id = await w.submit()
    orphan = tmp_path / "server-files" / ("0" * 24)
    orphan.mkdir()

    async with world(tmp_path):
        assert not await asyncio.to_thread(orphan.exists)
        assert await asyncio.to_thread((tmp_path / "server-files" / job_id).exists)


@pytest.mark.parametrize("away", [3 * 24 * 3600.0, -3 * 24 * 3600.0])
async def test_an_input_on_its_way_outlives_a_long_outage(tmp_path: Path, away: float) -> None:
    async with world(tmp_path) as w:
        created = (await w.create(size=len(INPUT))).json()
        await w.send(created["upload"], 0, INPUT[:5])
        stopped_at = w.clock.now()

    async with world(tmp_path, ManualClock(stopped_at + away)) as w:
        await w.after(60)
        sent = await w.send(created["upload"], 5, INPUT[5:])

        assert sent.status_code == 204
        assert await w.state(created["job_id"]) == "queued"
