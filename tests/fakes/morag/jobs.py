"""The jobs of MoRAG's server: one JSON file each, in a folder that is called as their status.

Nothing here is fenced, as there; but a file is whole, so that the stand-in may be killed. Without a
folder they are in memory, and a restart of the stand-in keeps them.
"""

import json
import uuid
from collections.abc import Callable, Collection, Iterator
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

STATUSES = ("pending", "processing", "completed", "failed", "timeout", "cancelled")
_HOURS = {"audio": 0.5, "video": 1.0, "document": 0.25}
_MINUTES = {"audio": 5, "video": 15}
_USUAL_HOURS, _USUAL_MINUTES = 1.0, 10


@dataclass
class Job:
    """Times are in UTC and do not say so."""

    id: str
    ingestion_task_id: str
    source_file_path: str
    content_type: str
    task_options: dict[str, Any]
    created_at: str
    timeout_at: str
    status: str = "pending"
    worker_id: str | None = None
    started_at: str | None = None
    completed_at: str | None = None
    error_message: str | None = None
    result_data: dict[str, Any] | None = None
    retry_count: int = 0
    max_retries: int = 3

    @property
    def estimated_completion(self) -> str | None:
        if self.status != "processing" or self.started_at is None:
            return None
        minutes = _MINUTES.get(self.content_type, _USUAL_MINUTES)
        return (datetime.fromisoformat(self.started_at) + timedelta(minutes=minutes)).isoformat()


@dataclass
class Jobs:
    """`now` in seconds since 1970."""

    now: Callable[[], float]
    folder: Path | None = None
    _jobs: dict[str, Job] = field(default_factory=dict[str, Job])

    def __post_init__(self) -> None:
        # A process that was killed while it moved one has left two.
        files = [*self.folder.glob("*/*.json")] if self.folder else []
        for file in sorted(files, key=lambda file: file.stat().st_mtime_ns):
            job = Job(**json.loads(file.read_text("utf-8")))
            self._jobs[job.id] = job

    def __iter__(self) -> Iterator[Job]:
        return iter([*self._jobs.values()])

    def find(self, job_id: str) -> Job | None:
        return self._jobs.get(job_id)

    def create(
        self, source: str, content_type: str, options: dict[str, Any], ingestion: str
    ) -> Job:
        hours = _HOURS.get(content_type, _USUAL_HOURS)
        job = Job(
            id=str(uuid.uuid4()),
            ingestion_task_id=ingestion,
            source_file_path=source,
            content_type=content_type,
            task_options=options,
            created_at=self._time(),
            timeout_at=self._time(hours * 3600),
        )
        self._keep(job)
        return job

    def claim(self, worker_id: str, content_types: Collection[str], most: int) -> list[Job]:
        """The oldest that fit; who is expired waits for ever."""
        taken: list[Job] = []
        for job in sorted(self._jobs.values(), key=lambda job: job.created_at):
            if len(taken) >= most:
                break
            is_due = job.status == "pending" and self._time() <= job.timeout_at
            if is_due and job.content_type in content_types:
                job.worker_id, job.started_at = worker_id, self._time()
                self._move(job, "processing")
                taken.append(job)
        return taken

    def succeed(self, job: Job, content: str, metadata: dict[str, Any], spent: float) -> None:
        """In whatever status it is, and from whomever it comes."""
        job.completed_at = self._time()
        job.result_data = {"content": content, "metadata": metadata, "processing_time": spent}
        self._move(job, "completed")

    def fail(self, job: Job, message: str | None) -> None:
        """For good."""
        job.completed_at, job.error_message = self._time(), message
        job.retry_count += 1
        self._move(job, "failed")

    def put(self, job: Job, status: str) -> None:
        """By somebody's hand: nothing of MoRAG's own does that."""
        self._move(job, status)

    def _move(self, job: Job, status: str) -> None:
        before, job.status = job.status, status
        self._keep(job)
        if self.folder and before != status:
            (self.folder / before / f"{job.id}.json").unlink()

    def _keep(self, job: Job) -> None:
        self._jobs[job.id] = job
        if self.folder:
            path = self.folder / job.status / f"{job.id}.json"
            path.parent.mkdir(parents=True, exist_ok=True)
            draft = path.with_suffix(".draft")
            draft.write_text(json.dumps(asdict(job)), "utf-8")
            draft.replace(path)

    def _time(self, later: float = 0.0) -> str:
        return datetime.fromtimestamp(self.now() + later, UTC).replace(tzinfo=None).isoformat()
