"""How long a poll waits: never for ever, and not all for the same time. On virtual time."""

import asyncio
import random
from collections.abc import Awaitable, Callable
from typing import TypeVar

import pytest

from agent.model.ids import AgentId, BootId
from agent.server.fleet import Fleet
from agent.server.polls import LOOK_WITHIN_S, Matchmaker, Waiter
from agent.server.problems import ProblemError
from agent.server.queue.choice import Seeker
from agent.server.store.store import Store
from agent.server.store.transaction import Transaction
from agent.wire.problems import ProblemCode

T = TypeVar("T")


class Troubled(Store):
    """A store that does not get as far as its database."""

    def __init__(self, trouble: Callable[[], Awaitable[object]]) -> None:
        self._trouble = trouble

    async def run(self, work: Callable[[Transaction], T]) -> T:
        del work
        await self._trouble()
        raise AssertionError


async def _stuck() -> None:
    await asyncio.Event().wait()


async def _full() -> None:
    raise ProblemError(ProblemCode.DISK_FULL, "full")


async def _bug() -> None:
    raise ZeroDivisionError


async def _heals_never(matchmaker: Matchmaker) -> None:
    """As the server does: a bug must not end offers for good."""
    while True:
        try:
            await matchmaker.run()
        except ZeroDivisionError:
            await asyncio.sleep(1)


def _waiter(agent_id: str, *, has_place: bool) -> Waiter:
    seeker = Seeker(
        agent_id=AgentId(agent_id),
        boot_id=BootId("b"),
        request_id="r",
        content_types=frozenset({"audio"}),
        queues=None,
    )
    return Waiter(
        AgentId(agent_id), BootId("b"), seeker if has_place else None, is_prefetching=False
    )


@pytest.mark.parametrize("wait_s", [0.0, 25.0])
@pytest.mark.parametrize(
    ("trouble", "code"),
    [
        (_stuck, ProblemCode.UNAVAILABLE),
        (_full, ProblemCode.DISK_FULL),
        (_bug, ProblemCode.INTERNAL),
    ],
)
async def test_a_poll_that_cannot_be_looked_at_is_told_why_in_time(
    trouble: Callable[[], Awaitable[object]], code: ProblemCode, wait_s: float
) -> None:
    loop = asyncio.get_running_loop()
    matchmaker = Matchmaker(Troubled(trouble), Fleet(), random.Random(1))
    running = asyncio.create_task(_heals_never(matchmaker))
    began = loop.time()

    with pytest.raises(ProblemError) as told:
        await matchmaker.wait(_waiter("a1", has_place=True), wait_s, _stuck)

    running.cancel()
    assert told.value.problem.code is code
    assert loop.time() - began <= max(wait_s, LOOK_WITHIN_S)


async def test_idle_polls_that_began_together_end_one_by_one_and_none_too_late() -> None:
    loop = asyncio.get_running_loop()
    matchmaker = Matchmaker(Troubled(_stuck), Fleet(), random.Random(1))
    ends: list[float] = []

    async def poll(number: int) -> None:
        await matchmaker.wait(_waiter(f"a{number}", has_place=False), 25.0, _stuck)
        ends.append(loop.time() - began)

    began = loop.time()
    async with asyncio.TaskGroup() as group:
        for number in range(100):
            group.create_task(poll(number))

    assert len(set(ends)) == 100
    assert 22.5 <= min(ends) < 23.0
    assert 24.5 < max(ends) <= 25.0
