"""The job server as the loops see it: sections 4, 5 and 7 of the protocol."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Protocol

from agent.model.artifact import Artifact
from agent.model.failures import FailureCode
from agent.model.ids import Bytes, JobId, JsonObject, LeaseId, Seconds
from agent.model.lease import Directive, InputRef, Offer, Renewal, Stage


@dataclass(frozen=True, slots=True)
class Resuming:
    """A job that an earlier start left in the spool, or that we hold now."""

    job_id: JobId
    lease_id: LeaseId
    stage: Stage


@dataclass(frozen=True, slots=True, kw_only=True)
class Grant:
    """A job goes on under this lease, and with these addresses."""

    lease_id: LeaseId
    input: InputRef
    artifacts_url: str
    transport: str


@dataclass(frozen=True, slots=True)
class Resumed:
    """The server's word on one line of `resuming`."""

    named: LeaseId
    """The lease as we called it."""
    grant: Grant | None
    """None: the job is lost to us."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Introduction:
    """What hello tells the server about us."""

    name: str
    version: str
    capability: str
    content_types: tuple[str, ...]
    queues: tuple[str, ...]
    slots: int
    boot_seq: int
    labels: dict[str, str] = field(default_factory=dict)
    resuming: tuple[Resuming, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Terms:
    """What the server answers to hello."""

    poll_wait: Seconds
    renew_every: Seconds
    lease_ttl: Seconds
    messages: tuple[str, ...] = ()
    resumed: tuple[Resumed, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Ask:
    """One poll."""

    request_id: str
    wait: Seconds
    free_slots: int
    prefetch: int
    max_input: Bytes
    why_idle: str | None = None
    """Why a box that could compute takes nothing, or only one job to see how it goes."""
    content_types: tuple[str, ...] | None = None
    """What to offer; None: all that hello told of."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PollResult:
    offer: Offer | None
    directive: Directive = Directive.CONTINUE
    reason: str | None = None
    skipped: dict[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Report:
    """What a renewal tells about the job."""

    stage: Stage
    progress: float
    message: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """What `complete` tells."""

    manifest: tuple[Artifact, ...]
    summary: JsonObject
    metrics: JsonObject


class JobServer(Protocol):
    """The server's side of sections 4, 5 and 7.

    Every call ends by itself within a finite time and raises a `ServerError`:
    `ServerUnavailableError` for anything transient, `NewerBootError`, `UnknownAgentError`,
    `CredentialsRefusedError`, `RequestRefusedError`, and about leases `LeaseLostError`.
    Every call may be repeated.
    """

    async def hello(self, who: Introduction) -> Terms: ...

    async def poll(self, ask: Ask) -> PollResult:
        """Answer within `ask.wait` and a little; cancelling gives up the connection."""
        ...

    async def renew(self, lease_id: LeaseId, report: Report) -> Renewal: ...

    async def complete(self, lease_id: LeaseId, result: Result) -> None:
        """Raise `ArtifactsRefusedError` with the names that are to be sent again."""
        ...

    async def fail(
        self, lease_id: LeaseId, code: FailureCode, message: str, detail: str
    ) -> None: ...

    async def release(
        self, lease_id: LeaseId, reason: str, retry_after: Seconds | None
    ) -> None: ...

    async def sign_off(self, keep: Sequence[LeaseId]) -> None: ...
