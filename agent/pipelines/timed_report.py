"""How long a pipeline computes for one task."""

from collections.abc import Callable
from timeit import default_timer as stopwatch

from agent.model.work import Progress
from agent.pipelines.pipeline import Report


class TimedReport:
    """Passes reports on and counts the time around them: within one the task may have to wait."""

    def __init__(self, report: Report, now: Callable[[], float] = stopwatch) -> None:
        self._report = report
        self._now = now
        self._begun = now()

    def __call__(self, progress: Progress) -> None:
        told = self._now()
        self._report(progress)
        self._begun += self._now() - told

    @property
    def seconds(self) -> float:
        """Computed since this was made."""
        return self._now() - self._begun
