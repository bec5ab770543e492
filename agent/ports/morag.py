"""A MoRAG server's remote jobs, and the notes that make up for its lack of leases."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol, TypeAlias

from agent.model.claim import Claim, JobStatus, NewJob, Outcome
from agent.model.errors import ServerError
from agent.model.ids import Bytes, JobId, Seconds


@dataclass(frozen=True, slots=True)
class Sight:
    """What the head of a download's answer tells of the input."""

    filename: str | None
    size: Bytes | None


@dataclass(frozen=True, slots=True)
class Taken:
    """The server has the result."""

    status: JobStatus
    was_ingested: bool


@dataclass(frozen=True, slots=True)
class NotTaken:
    """The server did nothing with it, or is done with it and says that it failed."""

    error: ServerError


@dataclass(frozen=True, slots=True)
class InDoubt:
    """It was sent whole, and nobody said what became of it."""

    error: ServerError


Sent: TypeAlias = Taken | NotTaken | InDoubt


class RemoteJobs(Protocol):
    """Each call ends by itself and raises a `ServerError`.

    `LeaseLostError` says that the server knows no such job, `AskedTooOftenError` that it is to be
    asked less often.
    """

    async def claim(self, content_types: Sequence[str]) -> NewJob | None:
        """The next job, which is ours from now on; None where there is none."""
        ...

    async def status(self, job_id: JobId) -> JobStatus: ...

    async def look(self, url: str) -> Sight:
        """The name and the size of an input, without fetching it."""
        ...

    async def send(self, job_id: JobId, outcome: Outcome, patience: Seconds) -> Sent:
        """Send a result and wait for what comes of it: the server's whole ingestion."""
        ...


class Claims(Protocol):
    """The claims on disk; `SpoolError` where it refuses."""

    async def all(self) -> tuple[Claim, ...]:
        """Those that earlier starts left, oldest first."""
        ...

    async def save(self, claim: Claim) -> None: ...

    async def forget(self, job_id: JobId) -> None: ...
