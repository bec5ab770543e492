"""What was done with each job, counted; of a process, it can be read from outside."""

import json
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from tests.fakes.morag.jobs import Job, Jobs

_NAME = "ingestions.log"


@dataclass(frozen=True, slots=True)
class Request:
    at: float
    """By the stand-in's clock, in seconds."""
    call: str


@dataclass
class Books:
    jobs: Jobs
    ingestions: Counter[str] = field(default_factory=Counter[str])
    """Begun, by job: one that was begun twice is in the database twice."""
    finished: Counter[str] = field(default_factory=Counter[str])
    results: Counter[str] = field(default_factory=Counter[str])
    """Taken, successes and failures, by job."""
    requests: list[Request] = field(default_factory=list[Request])
    starts: int = 1
    """Of the process; what waited for the loop of an earlier one is never done."""

    def __post_init__(self) -> None:
        for kind, job_id in _lines(self.jobs.folder):
            {"begun": self.ingestions, "finished": self.finished, "result": self.results}[kind][
                job_id
            ] += 1

    @classmethod
    def of(cls, folder: Path) -> "Books":
        """Of the process that has worked in `folder`, and has ended."""
        return cls(Jobs(lambda: 0.0, folder))

    @staticmethod
    def count(folder: Path) -> int:
        """How many ingestions have been finished in `folder` by now, of a process at work."""
        return sum(kind == "finished" for kind, _ in _lines(folder))

    def lost(self) -> list[str]:
        """The jobs that are not over, and those that are called completed and nowhere to find."""
        return [job.id for job in self.jobs if job.status != "failed" and not self.finished[job.id]]

    def ingested_twice(self) -> list[str]:
        return [job_id for job_id, times in self.ingestions.items() if times > 1]

    def failed(self) -> list[Job]:
        return [job for job in self.jobs if job.status == "failed"]

    def on_result(self, job_id: str) -> None:
        self.results[job_id] += 1
        self._note("result", job_id)

    def on_begun(self, job_id: str) -> None:
        self.ingestions[job_id] += 1
        self._note("begun", job_id)

    def on_finished(self, job_id: str) -> None:
        self.finished[job_id] += 1
        self._note("finished", job_id)

    def calls(self, call: str) -> int:
        return sum(request.call == call for request in self.requests)

    def most_requests_within(self, seconds: float) -> int:
        """The most that came in any stretch of time of that length."""
        times = [request.at for request in self.requests]
        return max(
            (sum(start <= at < start + seconds for at in times) for start in times), default=0
        )

    def _note(self, kind: str, job_id: str) -> None:
        if self.jobs.folder:
            self.jobs.folder.mkdir(parents=True, exist_ok=True)
            with (self.jobs.folder / _NAME).open("a", encoding="utf-8") as file:
                file.write(f"{json.dumps([kind, job_id])}\n")


def _lines(folder: Path | None) -> Iterator[tuple[str, str]]:
    path = folder / _NAME if folder else None
    for line in path.read_text("utf-8").splitlines() if path and path.exists() else ():
        kind, job_id = json.loads(line)
        yield kind, job_id
