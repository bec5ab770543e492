"""MoRAG's remote conversion API: what both ends of it say.

Nothing here is of our design, and much of it is loose: times carry no zone, nearly every field may
be null, and an answer without a job is a job without an id.
"""

from typing import Annotated

from pydantic import Field, JsonValue

from agent.model.claim import JobStatus
from agent.wire.base import Body

JOBS = "/api/v1/remote-jobs"
CREATE = f"{JOBS}/"
"""With the slash: without it MoRAG redirects."""
POLL = f"{JOBS}/poll"
DOWNLOAD = JOBS + "/{job_id}/download"
RESULT = JOBS + "/{job_id}/result"
STATUS = JOBS + "/{job_id}/status"


class NewJob(Body):
    source_file_path: str
    """On the server's own disk."""
    content_type: str
    task_options: dict[str, JsonValue] = Field(default_factory=dict)
    """May hold passwords of databases and tokens of webhooks: never logged."""
    ingestion_task_id: str


class JobCreated(Body):
    job_id: str
    status: JobStatus = JobStatus.PENDING
    created_at: str


class Claimed(Body):
    """The answer to a poll; all of it null where there is no job."""

    job_id: str | None = None
    source_file_url: str | None = None
    content_type: str | None = None
    task_options: dict[str, JsonValue] | None = None


class JobResult(Body):
    success: bool
    content: str | None = None
    metadata: dict[str, JsonValue] | None = None
    error_message: str | None = None
    processing_time: Annotated[float, Field(allow_inf_nan=False)] | None = None
    """Seconds."""


class ResultTaken(Body):
    status: JobStatus
    ingestion_continued: bool = False


class JobState(Body):
    job_id: str
    status: JobStatus
    worker_id: str | None = None
    created_at: str | None = None
    started_at: str | None = None
    completed_at: str | None = None
    error_message: str | None = None
    retry_count: int = 0
    estimated_completion: str | None = None
