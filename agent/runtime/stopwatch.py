"""How long a job spent in each phase: the metrics of `complete`."""

from collections.abc import Callable, Mapping

from agent.core.job_life import Phase
from agent.model.ids import Instant, Seconds

_NAMES: Mapping[Phase, str] = {
    Phase.FETCHING: "download_s",
    Phase.WAITING: "queued_s",
    Phase.PROCESSING: "process_s",
    Phase.DELIVERING: "upload_s",
}
_PAUSED = "paused_s"
"""Only of a job that had to wait in the middle."""


class Stopwatch:
    def __init__(self, now: Callable[[], Instant], phase: Phase) -> None:
        self._now = now
        self._phase = phase
        self._since = self._entered = now()
        self.began = self._entered
        self._spent = dict.fromkeys(_NAMES.values(), 0.0)
        self._is_paused = False

    @property
    def entered(self) -> Instant:
        """When the phase began."""
        return self._entered

    @property
    def is_paused(self) -> bool:
        return self._is_paused

    @property
    def computed(self) -> Seconds:
        """Pauses not counted."""
        self._book()
        return Seconds(self._spent[_NAMES[Phase.PROCESSING]])

    def enter(self, phase: Phase) -> None:
        self._book()
        self._entered = self._since
        self._phase, self._is_paused = phase, False

    def on_paused(self) -> None:
        """The phase goes on, and nothing is done in it."""
        self._book()
        self._is_paused = True

    def on_went_on(self) -> None:
        self._book()
        self._is_paused = False

    def read(self) -> dict[str, float]:
        """Seconds in each phase until now."""
        self._book()
        return {name: round(seconds, 3) for name, seconds in self._spent.items()}

    def _book(self) -> None:
        now = self._now()
        if self._phase in _NAMES:
            name = _PAUSED if self._is_paused else _NAMES[self._phase]
            self._spent[name] = self._spent.get(name, 0.0) + now - self._since
        self._since = now
