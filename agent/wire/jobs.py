"""Bodies of section 8: what clients say and see."""

from enum import StrEnum
from typing import Annotated, Self

from pydantic import Field, JsonValue, model_validator

from agent.wire.base import Body, Duration, Name, Sha256, Size, Text, Token
from agent.wire.leases import ManifestLine


class JobState(StrEnum):
    CREATED = "created"
    QUEUED = "queued"
    OFFERED = "offered"
    LEASED = "leased"
    COMPLETED = "completed"
    FAILED = "failed"
    CANCELLED = "cancelled"


ENDED = frozenset({JobState.COMPLETED, JobState.FAILED, JobState.CANCELLED})

QUEUES = ("gpu_priority", "gpu_fallback", "cpu_standard")
"""In the order in which they are served."""


class NewJob(Body):
    content_type: Name
    filename: Annotated[str, Field(min_length=1, max_length=1024)]
    size: Size | None = None
    input_url: Annotated[str, Field(max_length=8192)] | None = None
    """A file held elsewhere instead of an upload."""
    sha256: Sha256 | None = None
    media_type: Annotated[str, Field(max_length=255)] | None = None
    queue: Name = "gpu_fallback"
    priority: Annotated[int, Field(ge=-1000, le=1000)] = 0
    options: dict[str, JsonValue] = Field(default_factory=dict)
    max_attempts: Annotated[int, Field(ge=1, le=100)] = 3
    timeout_s: Duration | None = None
    idempotency_key: Annotated[str, Field(min_length=1, max_length=255)] | None = None

    @model_validator(mode="after")
    def _has_an_input(self) -> Self:
        if self.size is None and self.input_url is None:
            raise ValueError("one of size and input_url is required")
        return self


class JobCreated(Body):
    job_id: Token
    state: JobState
    upload: str | None = None
    """An existing tus upload; begin with `HEAD`. None for a job with `input_url`."""


class AttemptInfo(Body):
    number: int
    agent_id: str
    lease_id: Token
    stage: str | None = None
    progress: float | None = None
    message: str = ""
    outcome: str | None = None
    """None while it runs; completed, failed, released, expired, cancelled or lost."""
    code: str | None = None
    reason: str | None = None
    offered_at: str | None = None
    """ISO 8601 in UTC: for people, never for decisions."""
    accepted_at: str | None = None
    ended_at: str | None = None


class JobInfo(Body):
    job_id: Token
    state: JobState
    content_type: str
    queue: str
    priority: int
    filename: str
    size: int | None = None
    sha256: str | None = None
    max_attempts: int
    created_at: str
    updated_at: str
    code: str | None = None
    """Why it failed."""
    message: str | None = None
    attempts: tuple[AttemptInfo, ...] = ()
    artifacts: tuple[ManifestLine, ...] = ()
    summary: dict[str, JsonValue] = Field(default_factory=dict)
    metrics: dict[str, JsonValue] = Field(default_factory=dict)


class JobList(Body):
    jobs: tuple[JobInfo, ...]
    next: str | None = None


class JobEvent(Body):
    """The data of one server-sent event."""

    job_id: Token
    state: JobState
    attempt: int | None = None
    agent_id: str | None = None
    stage: str | None = None
    progress: float | None = None
    message: Text = ""
    code: str | None = None


class Health(Body):
    status: str = "ok"
    version: str
    time: str
    """The server's clock, ISO 8601 in UTC: lets `doctor` tell the skew."""
