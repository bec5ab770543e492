"""An observer that remembers what it was told."""

from dataclasses import dataclass, field

from agent.model.ids import Bytes, JobId, Seconds
from agent.model.lease import Stage


@dataclass
class FakeObserver:
    told: list[tuple[object, ...]] = field(default_factory=list[tuple[object, ...]])
    """What was told of jobs."""
    calls: list[tuple[str, str, str]] = field(default_factory=list[tuple[str, str, str]])
    lags: list[Seconds] = field(default_factory=list[Seconds])

    def job_taken(self, job_id: JobId, content_type: str, stage: Stage) -> None:
        self.told.append(("taken", job_id, content_type, stage))

    def job_moved(self, job_id: JobId, stage: Stage) -> None:
        self.told.append(("moved", job_id, stage))

    def job_paused(self, job_id: JobId) -> None:
        self.told.append(("paused", job_id))

    def job_went_on(self, job_id: JobId) -> None:
        self.told.append(("went on", job_id))

    def job_ended(self, job_id: JobId, ending: str, size: Bytes | None = None) -> None:
        self.told.append(("ended", job_id, ending, size))

    def call_ended(self, call: str, outcome: str, detail: str = "") -> None:
        self.calls.append((call, outcome, detail))

    def ticked(self, lag: Seconds) -> None:
        self.lags.append(lag)
