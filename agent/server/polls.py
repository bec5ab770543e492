"""Parked polls, and the one task that finds jobs for them.

A poll is parked before the queue is looked at, so no wake-up falls between. One look serves all
polls that wait: agents with a free slot in the order they came, then those that prefetch.
"""

import asyncio
import random
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import structlog

from agent.model.ids import AgentId, BootId
from agent.server.fleet import Fleet
from agent.server.problems import ProblemError
from agent.server.queue.choice import Seeker
from agent.server.store import matching
from agent.server.store.jobs import Granted
from agent.server.store.store import Store
from agent.wire.problems import ProblemCode

REST_AFTER_ERROR_S = 1.0
LOOK_WITHIN_S = 5.0
"""A poll that would not wait at all waits this long for its one look at the queue. The agent's
read timeout is ten seconds longer than what it asked for."""
SHORTEST_SHARE = 0.9
"""Of the time that an idle poll waits at most: a fleet that came together leaves one by one."""


@dataclass(eq=False, slots=True)
class Waiter:
    """One parked poll; `seeker` is None for a heartbeat, which gets no offer."""

    agent_id: AgentId
    boot_id: BootId
    seeker: Seeker | None
    is_prefetching: bool
    is_superseded: bool = False
    is_gone: bool = False
    answer: "asyncio.Future[Granted | None]" = field(
        default_factory=lambda: asyncio.get_running_loop().create_future()
    )
    looked: asyncio.Event = field(default_factory=asyncio.Event)
    """Set once the queue has been looked at for it, or could not be: then there is `trouble`."""
    trouble: ProblemError | None = None

    def give(self, granted: Granted | None) -> bool:
        """False if it has been answered already, or has left."""
        if self.answer.done():
            return False
        self.answer.set_result(granted)
        return True


class Matchmaker:
    def __init__(self, store: Store, fleet: Fleet, rng: random.Random) -> None:
        self._store = store
        self._fleet = fleet
        self._rng = rng
        self._parked: dict[AgentId, Waiter] = {}
        self._news = asyncio.Event()
        self._has_work = False
        self._is_closed = False
        self._log = structlog.get_logger("agent.server.polls")

    def __len__(self) -> int:
        return len(self._parked)

    async def wait(
        self, waiter: Waiter, wait_s: float, gone: Callable[[], Awaitable[object]]
    ) -> Granted | None:
        """An offer, or None: time is up, superseded, dismissed. Never one for a dead line.

        Raises what stood in the way when the queue was looked at last.
        """
        self._park(waiter)
        watch = asyncio.create_task(_finish(gone))
        try:
            patience = wait_s * self._rng.uniform(SHORTEST_SHARE, 1.0)
            await self._until_answered(waiter, patience, watch)
        finally:
            waiter.is_gone = watch.done()
            watch.cancel()
            self._leave(waiter)
        if waiter.answer.cancelled():
            if waiter.trouble is not None and not waiter.is_gone:
                raise waiter.trouble
            return None
        granted = waiter.answer.result()
        if granted is not None and waiter.is_gone:
            await self.withdraw(granted)
            return None
        return granted

    async def _until_answered(
        self, waiter: Waiter, wait_s: float, watch: "asyncio.Future[None]"
    ) -> None:
        loop = asyncio.get_running_loop()
        until = loop.time() + wait_s
        look = asyncio.create_task(waiter.looked.wait())
        ends: set[asyncio.Future[Any]] = {watch, waiter.answer}
        first = asyncio.FIRST_COMPLETED
        try:
            within = max(wait_s, LOOK_WITHIN_S)
            done, _ = await asyncio.wait(ends | {look}, timeout=within, return_when=first)
        finally:
            look.cancel()
        if not done:
            waiter.trouble = ProblemError(ProblemCode.UNAVAILABLE, "the queue is stuck")
        left = until - loop.time()
        if not watch.done() and not waiter.answer.done() and left > 0:
            await asyncio.wait(ends, timeout=left, return_when=first)

    def _park(self, waiter: Waiter) -> None:
        before = self._parked.pop(waiter.agent_id, None)
        if before is not None:
            before.is_superseded = True
            before.give(None)
        if self._is_closed:
            waiter.give(None)
            return
        self._parked[waiter.agent_id] = waiter
        if waiter.seeker is None:
            waiter.looked.set()
        else:
            self._news.set()

    def _leave(self, waiter: Waiter) -> None:
        if self._parked.get(waiter.agent_id) is waiter:
            del self._parked[waiter.agent_id]
        if not waiter.answer.done():
            waiter.answer.cancel()

    def dismiss(self, agent_id: AgentId) -> None:
        """Answer its poll at once: a directive, or a later boot."""
        waiter = self._parked.get(agent_id)
        if waiter is not None:
            waiter.give(None)

    def dismiss_other_boot(self, agent_id: AgentId, boot_id: BootId) -> None:
        """A later boot said hello: the poll of the one before has no meaning any more."""
        waiter = self._parked.get(agent_id)
        if waiter is not None and waiter.boot_id != boot_id:
            waiter.give(None)

    def look_again(self) -> None:
        """A job may have become available to somebody."""
        self._has_work = True
        self._news.set()

    def close(self) -> None:
        """All polls are answered now, and later ones at once."""
        self._is_closed = True
        for waiter in tuple(self._parked.values()):
            waiter.give(None)

    async def run(self) -> None:
        while True:
            await self._news.wait()
            self._news.clear()
            waiters = self._due()
            try:
                await self._look(waiters)
            except ProblemError as error:
                # The disk is full or the database is stuck: the polls stay parked.
                self._log.warning("polls.look_failed", code=error.problem.code)
                self._note_trouble(waiters, error)
                await asyncio.sleep(REST_AFTER_ERROR_S)
            except Exception:
                bug = ProblemError(ProblemCode.INTERNAL, "a bug in the server; see its log")
                self._note_trouble(waiters, bug)
                raise

    def _note_trouble(self, waiters: Sequence[Waiter], trouble: ProblemError) -> None:
        """The next look is at everybody again."""
        for waiter in waiters:
            waiter.trouble = trouble
            waiter.looked.set()
        self.look_again()

    async def _look(self, waiters: Sequence[Waiter]) -> None:
        if not waiters:
            return
        seekers = [waiter.seeker for waiter in waiters if waiter.seeker is not None]
        look = partial(matching.match, seekers=seekers, fleet=self._fleet.sightings())
        granted = await self._store.run(look)
        for waiter in waiters:
            offered = granted.pop(waiter.agent_id, None)
            if offered is not None and not waiter.give(offered):
                await self.withdraw(offered)
            waiter.trouble = None
            waiter.looked.set()

    def _due(self) -> list[Waiter]:
        """Everybody when there is work, otherwise those that have just come."""
        is_full_look, self._has_work = self._has_work, False
        due = [
            waiter
            for waiter in self._parked.values()
            if waiter.seeker is not None
            and not waiter.answer.done()
            and (is_full_look or not waiter.looked.is_set())
        ]
        return sorted(due, key=lambda waiter: waiter.is_prefetching)

    async def withdraw(self, granted: Granted) -> None:
        """It could not be handed over: as if it had run out at once."""
        lease_id = granted.lease.lease_id
        await self._store.run(lambda tx: matching.withdraw(tx, lease_id))


async def _finish(gone: Callable[[], Awaitable[object]]) -> None:
    await gone()
