"""How far a recording is: each stage has its share of the whole, by what it usually takes."""

from collections.abc import Callable, Mapping

from agent.model.work import Progress
from agent.pipelines.pipeline import Report

_STAGES: Mapping[str, tuple[float, float]] = {
    "finding speech": (0.03, 0.06),
    "loading model": (0.06, 0.1),
    "transcribing": (0.1, 0.8),
    "finding speakers": (0.8, 0.95),
    "finding topics": (0.95, 0.98),
}
"""Where each begins and ends, as fractions of the whole task."""
WRITING = 0.98


class Stages:
    """Turns positions in a recording into progress that only goes forward."""

    def __init__(self, report: Report, duration: float) -> None:
        self._report = report
        self._duration = duration
        self._reached = 0.0

    def of(self, stage: str) -> Callable[[float], None]:
        """Takes how many seconds of the recording this stage has behind it."""
        begin, end = _STAGES[stage]

        def tell(seconds: float) -> None:
            share = min(1.0, seconds / self._duration)
            self._reached = max(self._reached, begin + share * (end - begin))
            self._report(Progress(self._reached, stage))

        return tell

    def say(self, message: str) -> None:
        """Something is going on that has no length."""
        self._report(Progress(self._reached, message))
