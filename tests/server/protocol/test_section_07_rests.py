"""Who may have a released job again, and when: others go first."""

from pathlib import Path

import pytest

from tests.server.world import AgentSide, World, world

pytestmark = pytest.mark.real_time
REST = 30.0
ELSEWHERE = 600.0
ALIVE = 90.0


async def _released(w: World, **more: object) -> AgentSide:
    agent = await w.agent("a1")
    lease = (await agent.take())["lease_id"]
    await agent.say(lease, "release", **more)
    return agent


async def test_after_its_rest_others_that_are_alive_still_go_first(tmp_path: Path) -> None:
    async with world(tmp_path) as w:
        await w.submit()
        agent, other = await _released(w), await w.agent("a2")
        await w.submit(priority=9)
        held = await other.take()
        await w.after(REST + 1)

        answer = await agent.poll()

        assert (answer["offer"], answer["skipped"]) == (None, {"released_here": 1})
        await other.finish(held["lease_id"])
        assert (await other.poll())["offer"] is not None


async def test_after_its_rest_it_may_have_the_job_once_nobody_else_is_alive(
    tmp_path: Path,
) -> None:
    async with world(tmp_path) as w:
        job_id = await w.submit()
        agent, other = await _released(w), await w.agent("a2")
        await w.submit(priority=9)
        await other.finish((await other.take())["lease_id"])
        await w.after(ALIVE + 1)

        assert (await agent.poll())["offer"]["job_id"] == job_id


async def test_others_for_whom_it_is_too_large_do_not_go_first(tmp_path: Path) -> None:
    async with world(tmp_path) as w:
        job_id = await w.submit()
        agent, other = await _released(w), await w.agent("a2")
        await w.after(REST + 1)
        assert (await other.poll(max_input_bytes=1))["offer"] is None

        assert (await agent.poll())["offer"]["job_id"] == job_id


async def test_others_that_gave_it_back_as_well_do_not_go_first(tmp_path: Path) -> None:
    async with world(tmp_path) as w:
        job_id = await w.submit()
        agent, other = await _released(w), await w.agent("a2")
        again = await other.take()
        await other.say(again["lease_id"], "release", retry_after_s=ELSEWHERE)
        await w.after(REST + 1)
        await other.poll()

        assert (await agent.poll())["offer"]["job_id"] == job_id
