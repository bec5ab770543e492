"""Those who try the path to this server: few at once, and none when it stops."""

import asyncio
from collections.abc import Callable, Coroutine, Iterator
from contextlib import contextmanager

from agent.server.problems import ProblemError
from agent.wire.problems import ProblemCode

MOST_AT_ONCE = 32
"""Of all callers together: two doctors' silences and a transfer."""
RETRY_AFTER_S = 30


class Trials:
    def __init__(self) -> None:
        self._number = 0
        self._end = asyncio.Event()

    @contextmanager
    def place(self) -> Iterator[None]:
        if self._number >= MOST_AT_ONCE:
            raise ProblemError(
                ProblemCode.SLOW_DOWN,
                "too many try the path at once",
                headers={"Retry-After": str(RETRY_AFTER_S)},
            )
        self._number += 1
        try:
            yield
        finally:
            self._number -= 1

    async def be_silent(
        self, seconds: float, gone: Callable[[], Coroutine[None, None, object]]
    ) -> None:
        """Until then or until the caller has gone. `ProblemError` when the server stops."""
        watch = asyncio.create_task(gone())
        end = asyncio.create_task(self._end.wait())
        try:
            await asyncio.wait({watch, end}, timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
        finally:
            watch.cancel()
            end.cancel()
        if self._end.is_set():
            raise ProblemError(ProblemCode.UNAVAILABLE, "the server stops")

    def close(self) -> None:
        self._end.set()
