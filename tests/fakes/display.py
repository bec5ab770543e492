"""A display that remembers what it was shown."""

from dataclasses import dataclass, field

from agent.model.ids import JobId
from agent.ports import Report


@dataclass
class FakeDisplay:
    moves: list[tuple[JobId, str, Report]] = field(default_factory=list[tuple[JobId, str, Report]])
    ended: list[JobId] = field(default_factory=list[JobId])
    pauses: list[str | None] = field(default_factory=list[str | None])

    def job_moved(self, job_id: JobId, title: str, report: Report) -> None:
        self.moves.append((job_id, title, report))

    def job_ended(self, job_id: JobId) -> None:
        self.ended.append(job_id)

    def paused(self, reason: str | None) -> None:
        self.pauses.append(reason)
