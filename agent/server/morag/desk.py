"""What MoRAG's routes share: beside the server they have turns, takings, and a roll of workers."""

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from functools import partial
from typing import Annotated

from fastapi import Depends
from starlette.requests import Request

from agent.server.morag.roll import Roll
from agent.server.morag.telling import Teller
from agent.server.morag.words import OTHER_TIMEOUT_S, TIMEOUTS_S
from agent.server.server import Server
from agent.server.settings import MoragSettings

TAKINGS_AT_ONCE = 2
"""Files that are read from the disk at the same time."""


@dataclass(slots=True)
class _Turn:
    lock: asyncio.Lock = field(default_factory=asyncio.Lock)
    users: int = 0


class Desk:
    def __init__(self, server: Server, settings: MoragSettings) -> None:
        self.settings = settings
        self.roll = Roll()
        self.takings: dict[str, asyncio.Task[None]] = {}
        """Inputs that are read now, by job: whoever asks for the same job waits for the same."""
        self.room = asyncio.Semaphore(TAKINGS_AT_ONCE)
        self._server = server
        self._turns: dict[str, _Turn] = {}

    def lease_s(self, content_type: str) -> float:
        return self.settings.lease_s or TIMEOUTS_S.get(content_type, OTHER_TIMEOUT_S)

    async def take(self, job_id: str, begin: Callable[[], Coroutine[None, None, None]]) -> None:
        """Begins it unless it goes on already, and sees it through when the caller leaves."""
        taking = self.takings.get(job_id)
        if taking is None:
            taking = self.takings[job_id] = asyncio.create_task(begin())
            taking.add_done_callback(partial(self._taken, job_id))
        await asyncio.shield(taking)

    def _taken(self, job_id: str, taking: "asyncio.Task[None]") -> None:
        del self.takings[job_id]
        if not taking.cancelled():
            taking.exception()  # told to whoever still waits

    @asynccontextmanager
    async def turn(self, job_id: str) -> AsyncIterator[None]:
        """One result of a job at a time."""
        turn = self._turns.setdefault(job_id, _Turn())
        turn.users += 1
        try:
            async with turn.lock:
                yield
        finally:
            turn.users -= 1
            if not turn.users:
                del self._turns[job_id]

    @asynccontextmanager
    async def lifespan(self) -> AsyncIterator[None]:
        on_result = self.settings.on_result
        teller = None if on_result is None else Teller(self._server, self.settings, on_result)
        telling = None if teller is None else asyncio.create_task(self._server.forever(teller.run))
        try:
            yield
        finally:
            if teller is not None and telling is not None:
                telling.cancel()
                with suppress(asyncio.CancelledError):
                    await telling
                await teller.close()
            await self._end_takings()

    async def _end_takings(self) -> None:
        tasks = tuple(self.takings.values())
        for task in tasks:
            task.cancel()
        if tasks:
            await asyncio.wait(tasks)


async def desk_of(request: Request) -> Desk:
    desk: Desk = request.app.state.morag
    return desk


DeskDep = Annotated[Desk, Depends(desk_of)]
