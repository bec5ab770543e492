"""Counts what is transferred, and remembers it from start to start."""

import asyncio
from datetime import date

import structlog

from agent.core.quota import Moved, Quotas, Tally
from agent.core.schedule import Moment
from agent.model.errors import SpoolError
from agent.model.ids import Bytes, Instant, JsonObject, JsonValue, Seconds
from agent.model.restraint import Restraint, Rung
from agent.ports import Clock, Notebook

WRITE_EVERY = Seconds(5.0)
"""What a crash forgets at most."""

_log = structlog.get_logger(__name__)


class Traffic:
    def __init__(self, quotas: Quotas, notebook: Notebook, clock: Clock) -> None:
        self._quotas = quotas
        self._notebook = notebook
        self._clock = clock
        self._tally = Tally(clock.wall_now().date())
        self._written = self._tally
        self._news = asyncio.Event()
        self._counted = asyncio.Event()

    @property
    def tally(self) -> Tally:
        return self._tally

    def on_down(self, size: int) -> None:
        self._count(size, 0)

    def on_up(self, size: int) -> None:
        self._count(0, size)

    def left(self) -> Bytes | None:
        """What inputs may still bring; None: as much as they like."""
        return self._quotas.left_down(self._today())

    def restraint(self, moment: Moment) -> Restraint | None:
        """Once a quota is used up: what is held is finished, and its results are sent.

        They are small beside their inputs, and the box has worked for them; a month in the outbox
        would lose them to another box.
        """
        tally = self._today()
        why = self._quotas.used_up(tally)
        if why is None:
            return None
        until = moment.at(self._quotas.renewed(tally, moment.wall))
        return Restraint(rung=Rung.TAKE_NOTHING, why=why, until=until)

    async def news(self) -> None:
        """Wait until a quota is used up by what was counted."""
        await self._news.wait()
        self._news.clear()

    async def keep(self) -> None:
        """Read what was counted before, then write what is, for as long as this runs."""
        self._add(_tally(await self._notebook.read()))
        while True:
            await self._counted.wait()
            self._counted.clear()
            await self._clock.sleep_until(Instant(self._clock.now() + WRITE_EVERY))
            await self.write()

    async def write(self) -> None:
        tally = self._tally
        if tally == self._written:
            return
        try:
            await self._notebook.write(_note(tally))
        except SpoolError as error:
            # Counting goes on in memory, which is right until the agent ends.
            _log.warning("traffic.not_written", reason=str(error))
        else:
            self._written = tally

    def _count(self, down: int, up: int) -> None:
        before = self._today()
        self._tally = before.plus(down, up)
        self._counted.set()
        if self._quotas.used_up(before) != self._quotas.used_up(self._tally):
            self._news.set()

    def _today(self) -> Tally:
        self._tally = self._tally.on(self._clock.wall_now().date())
        return self._tally

    def _add(self, earlier: Tally | None) -> None:
        """What was counted before this start, under what was counted since."""
        if earlier is None:
            return
        now = self._today()
        then = earlier.on(now.day)
        self._tally = Tally(
            now.day,
            then.today.plus(now.today.down, now.today.up),
            then.month.plus(now.month.down, now.month.up),
        )
        self._news.set()


def _note(tally: Tally) -> JsonObject:
    return {
        "day": tally.day.isoformat(),
        "today": {"down": tally.today.down, "up": tally.today.up},
        "month": {"down": tally.month.down, "up": tally.month.up},
    }


def _tally(note: JsonObject) -> Tally | None:
    try:
        day = date.fromisoformat(str(note.get("day")))
    except ValueError:
        return None
    return Tally(day, _moved(note.get("today")), _moved(note.get("month")))


def _moved(value: JsonValue) -> Moved:
    found = value if isinstance(value, dict) else {}
    return Moved(_count(found.get("down")), _count(found.get("up")))


def _count(value: JsonValue) -> int:
    return max(0, value) if isinstance(value, int) else 0
