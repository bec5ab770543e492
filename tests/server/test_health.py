"""What `/healthz` says when the server is not well."""

import asyncio
from pathlib import Path

import pytest

from tests.server.full_disk import fill_disk, make_room
from tests.server.world import World, code_of, world

pytestmark = pytest.mark.real_time


async def test_with_only_the_reserve_left_health_says_disk_full_and_stays_200(
    tmp_path: Path,
) -> None:
    async with world(tmp_path, reserve_bytes=2**62) as w:
        health = await w.stranger.get("/healthz")

        assert (health.status_code, health.json()["status"]) == (200, "disk_full")


async def test_a_refusal_for_want_of_room_names_the_reserve(tmp_path: Path) -> None:
    async with world(tmp_path, reserve_bytes=2**62) as w:
        refused = await w.create(size=1)

        assert code_of(refused) == (507, "disk_full")
        assert f"of which {2**62} stay in reserve" in refused.json()["detail"]


async def test_a_database_that_cannot_be_written_makes_health_fail_until_it_can(
    tmp_path: Path,
) -> None:
    async with world(tmp_path) as w:
        await fill_disk(w.server)
        w.clock.advance(11)
        await _becomes(w, 507)
        assert {await _status(w) for _ in range(20)} == {507}

        await make_room(w.server)
        await _becomes(w, 200)
        assert {await _status(w) for _ in range(20)} == {200}


async def _status(w: World) -> int:
    return (await w.stranger.get("/healthz")).status_code


async def _becomes(w: World, wanted: int) -> None:
    async with asyncio.timeout(10):
        while await _status(w) != wanted:
            await asyncio.sleep(0.01)
