"""What the fake server writes down: its troubles, the calls, and every job with its leases."""

from dataclasses import dataclass, field
from hashlib import sha256

from agent.model.artifact import Artifact
from agent.model.failures import FailureCode
from agent.model.ids import Instant, LeaseId
from agent.model.lease import LostReason, Offer
from agent.ports import Result

ALWAYS = float("inf")


@dataclass(frozen=True, slots=True)
class Spell:
    """A time of trouble; `calls` and `agent` name what it strikes, everything if empty."""

    start: float = 0.0
    end: float = ALWAYS
    calls: frozenset[str] = frozenset()
    agent: str = ""

    def strikes(self, call: str, agent: str, now: Instant) -> bool:
        is_meant = call in (self.calls or {call}) and agent == (self.agent or agent)
        return is_meant and self.start <= now < self.end


@dataclass(frozen=True, slots=True)
class Call:
    at: Instant
    name: str
    agent: str
    lease_id: LeaseId | None = None


@dataclass
class FakeUpload:
    artifact: Artifact
    received: bytearray = field(default_factory=bytearray)

    @property
    def is_whole(self) -> bool:
        return sha256(self.received).hexdigest() == self.artifact.sha256


@dataclass
class FakeLease:
    lease_id: LeaseId
    job: "FakeJob"
    agent: str
    boot: str
    ends_at: Instant
    is_accepted: bool = False
    ended: LostReason | None = None
    settled: str = ""
    """By which call its agent ended it."""
    uploads: dict[str, FakeUpload] = field(default_factory=dict[str, FakeUpload])
    replaced_by: "FakeLease | None" = None
    """The lease under which a later boot of its agent goes on."""


@dataclass
class FakeJob:
    """What the server knows of one job; the lists tell what it accepted, in order."""

    offer: Offer
    state: str = "queued"
    attempts: int = 0
    current: FakeLease | None = None
    """The lease or offer that nobody may take away now."""
    accepted: FakeLease | None = None
    """The last lease that was renewed."""
    accepted_leases: list[LeaseId] = field(default_factory=list[LeaseId])
    """Those that ever were, in the order of their first renewal."""
    not_for: dict[str, float] = field(default_factory=dict[str, float])
    results: list[tuple[LeaseId, Result]] = field(default_factory=list[tuple[LeaseId, Result]])
    files: dict[str, bytes] = field(default_factory=dict[str, bytes])
    failures: list[FailureCode] = field(default_factory=list[FailureCode])
    said: list[str] = field(default_factory=list[str])
    """Messages of failures and reasons of releases."""
    releases: list[Instant] = field(default_factory=list[Instant])

    @property
    def bytes_received(self) -> int:
        """Of the results, under the last lease that was accepted."""
        uploads = self.accepted.uploads.values() if self.accepted else ()
        return sum(len(upload.received) for upload in uploads)

    @property
    def is_over(self) -> bool:
        return self.state in {"completed", "failed", "cancelled"}
