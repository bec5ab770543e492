"""The right to compute: as many jobs have it as the pool takes tasks, the others wait in turn."""

import asyncio
from collections import deque
from collections.abc import Callable


class Slots:
    """A semaphore whose size may change under those who hold it: nobody's slot is taken away."""

    def __init__(self, count: Callable[[], int]) -> None:
        self._count = count
        self._held = 0
        self._waiting: deque[asyncio.Future[None]] = deque()

    async def __aenter__(self) -> None:
        await self.acquire()

    async def __aexit__(self, *_: object) -> None:
        self.release()

    async def acquire(self) -> None:
        turn: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.append(turn)
        self.recount()
        try:
            await turn
        except asyncio.CancelledError:
            if turn.done() and not turn.cancelled():
                self._held -= 1  # granted in the same moment
            else:
                self._waiting.remove(turn)
            self.recount()
            raise

    def release(self) -> None:
        self._held -= 1
        self.recount()

    def recount(self) -> None:
        """There may be more of them now."""
        while self._waiting and self._held < self._count():
            self._held += 1
            self._waiting.popleft().set_result(None)
