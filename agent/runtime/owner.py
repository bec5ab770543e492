"""The owner's pause at work: kept on disk, put on the board, and ended when its time is over."""

import asyncio

import structlog

from agent.core.owner_pause import next_look, restraint
from agent.model.errors import SpoolError
from agent.model.pause import Pause
from agent.ports import Clock, Clocks, PauseNote
from agent.runtime.board import Board
from agent.runtime.race import first_of

OWNER = "owner"
"""The source of the owner's own pause."""

_log = structlog.get_logger(__name__)


class Owner:
    def __init__(self, board: Board, note: PauseNote, clock: Clock, clocks: Clocks) -> None:
        """A pause of an earlier start holds on."""
        self._board = board
        self._note = note
        self._clock = clock
        self._clocks = clocks
        self._writing = asyncio.Lock()
        self._news = asyncio.Event()
        self._pause = note.read()
        if self._pause is not None:
            _log.info("owner.still_paused", **_told(self._pause))
        self._put_up()

    @property
    def is_paused(self) -> bool:
        return self._pause is not None

    async def watch(self) -> None:
        """End the pause when its time is over, until cancelled."""
        while True:
            self._news.clear()
            if self._is_over():
                await self.resume("its time is over")
            self._put_up()
            await first_of(self._next_look(), self._news.wait())

    async def pause(self, pause: Pause) -> str | None:
        """It holds when this returns. Why a restart would forget it, or None."""
        _log.info("owner.paused", **_told(pause))
        return await self._change(pause)

    async def resume(self, reason: str) -> str | None:
        """Likewise: why a restart would still be paused, or None."""
        _log.info("owner.resumed", reason=reason)
        return await self._change(None)

    async def _change(self, pause: Pause | None) -> str | None:
        self._pause = pause
        self._put_up()
        self._news.set()
        async with self._writing:
            try:
                await self._note.write(self._pause)
            except SpoolError as error:
                _log.warning("owner.not_noted", reason=str(error))
                return str(error)
        return None

    def _is_over(self) -> bool:
        return self._pause is not None and restraint(self._pause, self._clocks.reading()) is None

    def _put_up(self) -> None:
        pause = self._pause
        now = self._clocks.reading()
        self._board.restrain(OWNER, None if pause is None else restraint(pause, now))

    async def _next_look(self) -> None:
        pause = self._pause
        when = None if pause is None else next_look(pause, self._clocks.reading())
        if when is None:
            await asyncio.Event().wait()
        else:
            await self._clock.sleep_until(when)


def _told(pause: Pause) -> dict[str, float | bool | None]:
    return {"lasts_s": pause.lasts, "until": pause.until, "free_gpu": pause.free_gpu}
