"""The matchmaker, at the moments when a line dies."""

import asyncio
import random
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

import pytest

from agent.model.ids import AgentId, BootId
from agent.server.fleet import Fleet
from agent.server.polls import Matchmaker, Waiter
from agent.server.problems import ProblemError
from agent.server.queue.choice import Seeker
from agent.server.store.store import Store
from agent.server.store.transaction import Transaction
from agent.wire.problems import ProblemCode
from tests.server.world import world

pytestmark = pytest.mark.real_time
T = TypeVar("T")


class Between(Store):
    """A store that lets something happen between a commit and its answer."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self.happens: Callable[[], None] = lambda: None
        self.rounds = 0
        self.broken = 0

    async def run(self, work: Callable[[Transaction], T]) -> T:
        if self.broken:
            self.broken -= 1
            raise ProblemError(ProblemCode.DISK_FULL, "full")
        result = await self._store.run(work)
        self.happens()
        for _ in range(self.rounds):
            await asyncio.sleep(0)
        return result


def waiter(agent_id: str = "a1") -> Waiter:
    seeker = Seeker(
        agent_id=AgentId(agent_id),
        boot_id=BootId("b"),
        request_id="r",
        content_types=frozenset({"audio"}),
        queues=None,
    )
    return Waiter(AgentId(agent_id), BootId("b"), seeker, is_prefetching=False)


@pytest.mark.parametrize("rounds", [0, 20], ids=["at the same moment", "before the answer"])
async def test_an_offer_made_for_a_line_that_died_meanwhile_is_taken_back(
    tmp_path: Path, rounds: int
) -> None:
    async with world(tmp_path) as w:
        job_id = await w.submit()
        store = Between(w.server.store)
        matchmaker = Matchmaker(store, Fleet(), random.Random(1))
        gone = asyncio.Event()
        store.happens, store.rounds = gone.set, rounds

        async def line_dies() -> None:
            await gone.wait()

        running = asyncio.create_task(matchmaker.run())
        parked = waiter()
        offered = await matchmaker.wait(parked, 20, line_dies)
        await asyncio.sleep(0.1)

        assert (offered, parked.is_gone) == (None, True)
        assert await w.state(job_id) == "queued"
        running.cancel()


async def test_a_poll_stays_parked_while_the_database_cannot_be_written(tmp_path: Path) -> None:
    async with world(tmp_path) as w:
        await w.submit()
        store = Between(w.server.store)
        store.broken = 1
        matchmaker = Matchmaker(store, Fleet(), random.Random(1))

        running = asyncio.create_task(matchmaker.run())
        async with asyncio.timeout(10):
            offered = await matchmaker.wait(waiter(), 20, asyncio.Event().wait)

        assert offered is not None
        running.cancel()


async def test_one_look_serves_many_polls_each_with_its_own_job(tmp_path: Path) -> None:
    async with world(tmp_path) as w:
        for _ in range(5):
            await w.submit()
        matchmaker = Matchmaker(w.server.store, Fleet(), random.Random(1))
        running = asyncio.create_task(matchmaker.run())
        async with asyncio.timeout(10), asyncio.TaskGroup() as group:
            polls = [
                group.create_task(matchmaker.wait(waiter(f"a{n}"), 0, asyncio.Event().wait))
                for n in range(8)
            ]

        offered = [poll.result() for poll in polls]
        assert [grant is not None for grant in offered] == [True] * 5 + [False] * 3
        assert len({grant.job.job_id for grant in offered if grant}) == 5
        running.cancel()
