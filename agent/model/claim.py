"""A job of a server that grants no lease: what we have taken from it, and owe it a word about."""

from dataclasses import dataclass, field
from enum import StrEnum

from agent.model.failures import FailureCode
from agent.model.ids import Bytes, JobId, JsonObject, Seconds


class JobStatus(StrEnum):
    """What such a server says of a job."""

    PENDING = "pending"
    PROCESSING = "processing"
    COMPLETED = "completed"
    FAILED = "failed"
    TIMEOUT = "timeout"
    CANCELLED = "cancelled"


@dataclass(frozen=True, slots=True, kw_only=True)
class NewJob:
    job_id: JobId
    url: str
    """Of the input; absolute, or relative to the server."""
    content_type: str
    task_options: JsonObject = field(repr=False)
    """The server's own; may hold passwords and tokens, which go no further than this."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Claim:
    job_id: JobId
    url: str
    content_type: str
    options: JsonObject
    """Ours: whatever secrets the server's own held are not among them."""
    filename: str | None = None
    """None: the server has not been asked yet."""
    size: Bytes | None = None
    failures: int = 0
    """Attempts that failed here and may be repeated."""
    last_failure: FailureCode | None = None
    returns: int = 0
    """How often this box handed it back."""
    is_sent: bool = False
    """A result was sent of which nobody has said yet that it arrived."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What the server is told in the end."""

    content: str | None
    """Markdown; None for a failure."""
    metadata: JsonObject | None = None
    error: str | None = None
    spent: Seconds | None = None
    """On computing it."""

    @property
    def is_success(self) -> bool:
        return self.content is not None
