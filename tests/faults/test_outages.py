"""The source goes away in the middle, and comes back."""

import asyncio
from pathlib import Path

import pytest

from agent.model.ids import Seconds
from tests.fakes.ledger import Spell
from tests.fakes.pool import Plan
from tests.fakes.server import FakeServer
from tests.faults.content import sparse_file
from tests.faults.faults import Bandwidth
from tests.faults.fetching import fetching
from tests.faults.nginx import nginx_in
from tests.faults.proxy import proxy_to
from tests.runtime.world import MINUTE, World, working
from tests.virtual_time import LoopClock

MB = 10**6


@pytest.mark.real_time
async def test_a_download_outlives_the_death_of_its_server(tmp_path: Path) -> None:
    with nginx_in(tmp_path / "nginx") as nginx:
        content = sparse_file(nginx.files / "input", 40 * MB)
        async with (
            proxy_to(nginx.port, lambda _: (Bandwidth(30.0 * MB),)) as proxy,
            fetching(tmp_path, f"{proxy.url}/input", content) as one,
            asyncio.TaskGroup() as both,
        ):
            one.be_patient()
            running = both.create_task(one.holds(content))
            while not any(share > 0.3 for share in one.shown):
                await asyncio.sleep(0.01)
            nginx.kill()
            await asyncio.sleep(2.0)
            assert not running.done()
            nginx.start()
            assert await running

        # What lay in the proxy when the server died was passed on, and is not fetched again.
        assert one.source.received == content.size


@pytest.mark.parametrize("when", [5.0, 30.0, 75.0], ids=["download", "computing", "delivery"])
async def test_an_outage_of_four_minutes_in_mid_job_costs_no_attempt(
    clock: LoopClock, when: float
) -> None:
    """Everything is away: the server and the source of the input."""
    world = World(clock, FakeServer(clock))
    job = world.add(plan=Plan(takes=Seconds(MINUTE)))
    world.source.chunk, world.source.bytes_per_s = 100, 100.0
    world.sink.bytes_per_s = 1.0
    end = when + 4 * MINUTE
    world.server.outages = [Spell(when, end)]
    world.source.outages = [(when, end)]

    async with working(world):
        while job.state != "completed":
            await asyncio.sleep(1.0)

    assert (job.attempts, job.releases, job.failures) == (1, [], [])
    assert len(job.accepted_leases) == 1
    assert end < clock.now() < end + 3 * MINUTE
    offsets = [request.offset for request in world.source.requests]
    assert offsets == ([0] if when > 15.0 else [0, *[400] * (len(offsets) - 1)])
