"""How long a job spent in each phase: the metrics of `complete`."""

from collections.abc import Callable, Mapping

from agent.core.job_life import Phase
from agent.model.ids import Instant

_NAMES: Mapping[Phase, str] = {
    Phase.FETCHING: "download_s",
    Phase.WAITING: "queued_s",
    Phase.PROCESSING: "process_s",
    Phase.DELIVERING: "upload_s",
}


class Stopwatch:
    def __init__(self, now: Callable[[], Instant], phase: Phase) -> None:
        self._now = now
        self._phase = phase
        self._since = self._entered = now()
        self.began = self._entered
        self._spent = dict.fromkeys(_NAMES.values(), 0.0)

    @property
    def entered(self) -> Instant:
        """When the phase began."""
        return self._entered

    def enter(self, phase: Phase) -> None:
        self._book()
        self._entered = self._since
        self._phase = phase

    def read(self) -> dict[str, float]:
        """Seconds in each phase until now."""
        self._book()
        return {name: round(seconds, 3) for name, seconds in self._spent.items()}

    def _book(self) -> None:
        now = self._now()
        if self._phase in _NAMES:
            self._spent[_NAMES[self._phase]] += now - self._since
        self._since = now
