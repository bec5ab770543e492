"""What the loops need from the outside world: edges and fakes keep these promises."""

from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from typing import Protocol

from agent.model.artifact import Artifact
from agent.model.failures import FailureCode
from agent.model.hardware import Hardware
from agent.model.ids import Bytes, Digest, Instant, JobId, JsonObject, LeaseId, Seconds
from agent.model.lease import Directive, Offer, Renewal, Stage
from agent.model.work import Failed, Produced, Progress, Task


class Clock(Protocol):
    def now(self) -> Instant:
        """Read the steady clock; it counts the time that the machine sleeps too."""
        ...

    async def sleep_until(self, when: Instant) -> None:
        """Return at once if `when` has passed, never before it."""
        ...


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


@dataclass(frozen=True, slots=True, kw_only=True)
class Terms:
    """What the server answers to hello."""

    poll_wait: Seconds
    renew_every: Seconds
    lease_ttl: Seconds
    messages: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Ask:
    """One poll."""

    request_id: str
    wait: Seconds
    free_slots: int
    prefetch: int
    max_input: Bytes


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


@dataclass(frozen=True, slots=True)
class Whole:
    """200: the source sends everything from byte 0."""

    total: Bytes | None
    etag: str | None


@dataclass(frozen=True, slots=True)
class Part:
    """206: the source goes on at `start`."""

    start: Bytes
    total: Bytes | None
    etag: str | None


@dataclass(frozen=True, slots=True)
class NothingLeft:
    """416: the source holds no byte from there on."""

    total: Bytes | None


Opened = Whole | Part | NothingLeft


class Body(Protocol):
    """An open answer of an input source."""

    @property
    def opened(self) -> Opened: ...

    def chunks(self) -> AsyncIterator[bytes]:
        """The bytes as they come; raise `ServerUnavailableError` when the connection breaks."""
        ...


class InputSource(Protocol):
    def open(self, url: str, *, offset: int, etag: str | None) -> AbstractAsyncContextManager[Body]:
        """Ask for the input from `offset` on, if it is still the version `etag`.

        Raise `InputUnavailableError` when the source says that it will never give it,
        `ServerUnavailableError` when it may later, or what the server says about the lease.
        The token goes to the server's own origin only.
        """
        ...


@dataclass(frozen=True, slots=True)
class Upload:
    url: str
    offset: Bytes


class ArtifactSink(Protocol):
    """tus, section 7. Raise `LeaseLostError`, `UploadGoneError` and the like as the server says."""

    async def create(self, url: str, artifact: Artifact, first: bytes) -> Upload:
        """Announce `artifact` and send its first bytes; the same artifact gives the same upload."""
        ...

    async def offset(self, upload_url: str) -> Bytes:
        """How much the server has on disk: its word is the truth, ours a guess."""
        ...

    async def append(self, upload_url: str, offset: Bytes, data: bytes) -> Bytes:
        """Send `data` at `offset`; give back the new offset."""
        ...


class Partial(Protocol):
    """An input on its way to the disk."""

    @property
    def length(self) -> Bytes:
        """Bytes received, in memory or on disk."""
        ...

    @property
    def etag(self) -> str | None:
        """The version that those bytes came from."""
        ...

    async def restart(self, etag: str | None) -> None:
        """Forget everything and begin at byte 0 with this version."""
        ...

    async def append(self, chunk: bytes) -> None:
        """Take the next bytes; raise `DiskFullError` when they do not fit."""
        ...

    async def flush(self) -> None:
        """Put on disk what was taken."""
        ...

    async def digest(self) -> Digest:
        """SHA-256 of all bytes so far."""
        ...


class JobFolder(Protocol):
    """One held job on disk."""

    @property
    def input(self) -> Partial: ...

    async def seal_input(self) -> str:
        """Sync the whole input, give it its final name, and return its path."""
        ...

    async def fresh_output(self) -> str:
        """The path of an existing, empty folder for the results."""
        ...

    async def seal(self, produced: Produced) -> tuple[Artifact, ...]:
        """Sync the results and take their size and digest; nothing is told before this returns."""
        ...

    async def read(self, artifact: Artifact, offset: Bytes, length: Bytes) -> bytes: ...

    async def remove(self) -> None: ...


class Spool(Protocol):
    @property
    def boot_seq(self) -> int:
        """Raised by one at every start, on disk before it is told."""
        ...

    @property
    def is_new(self) -> bool:
        """No agent has started on this spool before."""
        ...

    async def open_job(self, offer: Offer) -> JobFolder:
        """A folder of its own for this lease."""
        ...

    def free(self) -> Bytes:
        """Bytes that the file system of the spool still takes."""
        ...

    def adopt_boot(self, boot_seq: int) -> None:
        """Make this our boot number, on disk."""
        ...


class Pool(Protocol):
    async def run(self, task: Task, on_progress: Callable[[Progress], None]) -> Produced | Failed:
        """Run `task` in a warm child. Cancelling kills the child and returns when it is dead."""
        ...


class Probe(Protocol):
    def hardware(self) -> Hardware: ...

    def health(self) -> JsonObject: ...


class Display(Protocol):
    """Where a person watches; all methods return at once."""

    def job_moved(self, job_id: JobId, title: str, report: Report) -> None: ...

    def job_ended(self, job_id: JobId) -> None: ...
