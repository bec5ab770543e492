"""Looks at the settings again when their file changes or somebody asks for it."""

import asyncio
from collections.abc import Callable

import structlog

from agent.model.ids import Instant, Seconds
from agent.model.reread import Reread
from agent.ports import Clock
from agent.runtime.race import INTERRUPTED, first_of

LOOK_EVERY = Seconds(3.0)

_log = structlog.get_logger(__name__)


class Rereading:
    def __init__(
        self, reread: Callable[[], Reread], mark: Callable[[], object], clock: Clock
    ) -> None:
        """`mark` is another one when the file has changed."""
        self._reread = reread
        self._mark = mark
        self._clock = clock
        self._asked = asyncio.Event()
        self._known = mark()
        """Of the file as it was read last."""

    def ask(self) -> None:
        """SIGHUP."""
        self._asked.set()

    async def run(self) -> None:
        """Look every few seconds, until cancelled."""
        seen = self._known
        while True:
            next_look = self._clock.sleep_until(Instant(self._clock.now() + LOOK_EVERY))
            was_asked = await first_of(next_look, self._asked.wait()) is INTERRUPTED
            self._asked.clear()
            before, seen = seen, self._mark()
            # An editor may be in the middle of it: a change has to have come to rest.
            has_changed = seen != self._known and seen == before
            if was_asked or has_changed:
                self._known = seen
                self._tell(self._reread())

    def _tell(self, found: Reread) -> None:
        if found.problem is not None:
            _log.error("settings.refused", reason=found.problem)
            return
        _log.info("settings.reread", applied=list(found.applied))
        if found.need_restart:
            _log.warning("settings.need_restart", names=list(found.need_restart))
