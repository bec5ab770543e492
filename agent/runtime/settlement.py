"""How a job's work ended, and what may end it early."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from enum import StrEnum
from typing import TypeAlias

from agent.core.verdict import Release, Verdict
from agent.model.ids import Instant, Seconds

RETRY_AFTER = Seconds(60.0)
"""Before the server may offer us a job again that we handed back for somebody else."""
LAST_WORD = Seconds(0.8)
"""How long an agent that is leaving waits until its release is heard; sign-off covers the rest."""


@dataclass(frozen=True, slots=True)
class Delivered:
    """The server has acknowledged the result."""

    artifacts: int


@dataclass(frozen=True, slots=True)
class Kept:
    """Finished but not acknowledged when the agent left: the lease runs on."""


class Ending(StrEnum):
    """What became of a held job."""

    COMPLETED = "completed"
    FAILED = "failed"
    RELEASED = "released"
    LOST = "lost"
    KEPT = "kept"
    """Finished, but not delivered when the agent left: the lease runs on."""
    UNHEARD = "unheard"
    """Failed or handed back, but the agent had to leave before anybody heard of it."""


Settlement: TypeAlias = Verdict | Delivered | Kept


class Stop:
    """An early end, asked for by the server, or by us: we are leaving, or stepping back."""

    def __init__(self) -> None:
        self._verdict: Verdict | None = None
        self._is_ours = False
        self._asked = asyncio.Event()
        self._leaving = asyncio.Event()

    def by_server(self, verdict: Verdict) -> None:
        """What the server says outranks our own reasons."""
        self._verdict, self._is_ours = verdict, False
        self._asked.set()

    def by_us(self, verdict: Verdict, *, is_leaving: bool = True) -> None:
        if self._verdict is None:
            self._verdict, self._is_ours = verdict, True
        if is_leaving:
            self._leaving.set()
        self._asked.set()

    async def wait(self) -> None:
        await self._asked.wait()

    def settlement(self, *, is_finished: bool) -> Settlement:
        """What to do with work that was cut short; a finished result is never handed back by us."""
        if is_finished and self._is_ours and self._leaving.is_set():
            return Kept()
        return self._verdict or Release("stopped")

    async def patience_ends(
        self, now: Callable[[], Instant], sleep_until: Callable[[Instant], Awaitable[None]]
    ) -> None:
        """Wait until repeating ourselves is pointless: the agent is leaving."""
        await self._leaving.wait()
        await sleep_until(Instant(now() + LAST_WORD))
