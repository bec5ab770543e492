"""Takes only what is done before quiet hours begin, by what this box's jobs have taken so far."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime

import structlog

from agent.core.forecast import DOWNLOAD, Doable, History, Sample, Window, doable, fits
from agent.core.schedule import Moment, Schedule, in_words, seconds_until
from agent.core.verdict import Release
from agent.model.errors import SpoolError
from agent.model.ids import Bytes, JsonObject, JsonValue, LeaseId, Seconds
from agent.model.lease import Offer
from agent.ports import Clock, Notebook

_log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Bounds:
    slots: int
    content_types: tuple[str, ...]
    max_input: Bytes
    task_timeout: Seconds
    slowest_link: float = 0.0
    """Seconds that a byte takes by the owner's limit."""


@dataclass(frozen=True, slots=True)
class _Held:
    takes: Seconds
    computed: Callable[[], Seconds]

    @property
    def left(self) -> float:
        return max(0.0, self.takes - self.computed())


class Foresight:
    def __init__(
        self, schedule: Schedule, bounds: Bounds, notebook: Notebook, clock: Clock
    ) -> None:
        self._schedule = schedule
        self._bounds = bounds
        self._notebook = notebook
        self._clock = clock
        self._history = History()
        self._held: dict[LeaseId, _Held] = {}

    def adopt(self, bounds: Bounds) -> None:
        """The owner has changed his mind."""
        self._bounds = bounds

    async def load(self) -> None:
        """Recall what earlier starts have seen."""
        self._history = History(_samples(await self._notebook.read()))

    async def note(self, offer: Offer, size: int, spent: Mapping[str, float]) -> None:
        """A job was computed; `spent` is what its stopwatch says."""
        self._history.note(offer.content_type, size, Seconds(spent.get("process_s", 0.0)))
        if download := spent.get("download_s"):
            self._history.note(DOWNLOAD, size, Seconds(download))
        try:
            await self._notebook.write(_note(self._history))
        except SpoolError as error:
            _log.warning("history.not_written", reason=str(error))

    def hold(self, offer: Offer, computed: Callable[[], Seconds]) -> None:
        """What comes after it waits until it has computed; `computed` says for how long it has."""
        self._held[offer.lease_id] = _Held(self._takes(offer), computed)

    def forget(self, offer: Offer) -> None:
        self._held.pop(offer.lease_id, None)

    def doable(self) -> Doable | None:
        """What to ask for; None: whatever we can do."""
        begin = self._begin()
        if begin is None:
            return None
        bounds = self._bounds
        found = doable(self._history, bounds.content_types, bounds.max_input, self._window(begin))
        is_all = found == Doable(bounds.max_input, bounds.content_types)
        return None if is_all else found

    def why(self) -> str:
        """The line for the owner where nothing is doable any more."""
        return f"{self._beginning()}: no job would be done by then"

    def why_less(self) -> str | None:
        """The same where less is asked for than we can do; None: all of it is."""
        if self.doable() is None:
            return None
        return f"{self._beginning()}: only what will be done by then is taken"

    def judge(self, offer: Offer) -> Release | None:
        """How to hand an offer back that would not be done in time; None: take it."""
        begin = self._begin()
        if begin is None:
            return None
        window = self._window(begin)
        if fits(self._history, offer.content_type, offer.input.size, window):
            return None
        moment = self._moment()
        end = self._schedule.quiet_until(begin)
        rest = None if end is None else seconds_until(end, moment)
        return Release(self._beginning(), retry_after=rest)

    def _takes(self, offer: Offer) -> Seconds:
        size = offer.input.size
        known = self._history.typical(offer.content_type) if size is None else size
        estimate = self._history.estimate(offer.content_type, known)
        return Seconds(min(estimate, self._bounds.task_timeout))

    def _ahead(self) -> Seconds:
        """How long a slot is waited for."""
        held, slots = self._held.values(), self._bounds.slots
        return Seconds(0.0 if len(held) < slots else sum(one.left for one in held) / slots)

    def _moment(self) -> Moment:
        return Moment(self._clock.now(), self._clock.wall_now())

    def _begin(self) -> datetime | None:
        return self._schedule.quiet_from(self._moment())

    def _beginning(self) -> str:
        begin, moment = self._begin(), self._moment()
        return "quiet hours begin at " + (in_words(begin, moment.wall) if begin else "some time")

    def _window(self, begin: datetime) -> Window:
        return Window(
            left=seconds_until(begin, self._moment()),
            ahead=self._ahead(),
            longest=self._bounds.task_timeout,
            slowest_link=self._bounds.slowest_link,
        )


def _note(history: History) -> JsonObject:
    return {
        name: [[one.size, round(one.took, 3)] for one in samples]
        for name, samples in history.samples.items()
    }


def _samples(note: JsonObject) -> dict[str, list[Sample]]:
    return {
        name: [sample for one in value if (sample := _sample(one))]
        for name, value in note.items()
        if isinstance(value, list)
    }


def _sample(value: JsonValue) -> Sample | None:
    match value:
        case [int(size), int() | float() as took] if size > 0 and took >= 0:
            return Sample(size, took)
        case _:
            return None
