r"""What the job machine is made of: a job, its leases, and the numbers that rule them.

A job (`JobState`):

    CREATED --input whole--> QUEUED --offer--> OFFERED --first renewal--> LEASED --> COMPLETED
                               ^                  |                          |  \--> FAILED
                               |                  |                          |
                               +--ran out, released, failed with tries left--+
    any of these --cancel--> CANCELLED;  FAILED, CANCELLED --retry--> QUEUED

A lease (`Phase`), one for every grant; an offer is a lease that is not accepted yet:

    OFFERED --renewal--> HELD --complete--> COMPLETED       HELD --fail--> FAILED
       |                  | ^
       | ttl              | | renewal, artifact call, complete (revival)
       v                  v |
    LAPSED            EXPIRED                               LAPSED --renewal--> HELD
    OFFERED, HELD --release, sign-off--> RELEASED
    OFFERED, HELD, EXPIRED, LAPSED --hello of a later boot--> REPLACED (listed) or LOST (not)
    OFFERED, EXPIRED, LAPSED --another is accepted--> SUPERSEDED, --job cancelled--> CANCELLED
"""

from dataclasses import dataclass
from enum import StrEnum
from typing import NewType

from agent.model.failures import FailureCode
from agent.model.ids import AgentId, BootId, Bytes, JobId, LeaseId
from agent.model.lease import LostReason, Stage
from agent.wire.base import LEASE_TTL, OFFER_TTL
from agent.wire.jobs import ENDED, JobState

Moment = NewType("Moment", float)
"""A reading of the server's clock."""


class Phase(StrEnum):
    OFFERED = "offered"
    HELD = "held"
    LAPSED = "lapsed"
    """An offer that ran out before anybody accepted it."""
    EXPIRED = "expired"
    REPLACED = "replaced"
    """Resumed by a later boot under a new lease_id."""
    RELEASED = "released"
    FAILED = "failed"
    COMPLETED = "completed"
    SUPERSEDED = "superseded"
    CANCELLED = "cancelled"
    LOST = "lost"
    """A later boot of its agent no longer has it."""


LIVE = frozenset({Phase.OFFERED, Phase.HELD})
REVIVABLE = frozenset({Phase.LAPSED, Phase.EXPIRED})
ENDED_WITHOUT_THE_AGENT = frozenset({Phase.SUPERSEDED, Phase.CANCELLED})
"""Until it is told so, the agent may still believe in such a lease."""
FAILED_HERE = frozenset({Phase.FAILED, Phase.LOST})


@dataclass(frozen=True, slots=True, kw_only=True)
class Numbers:
    """Section 11, and what the protocol leaves to the server."""

    offer_ttl_s: float = OFFER_TTL
    lease_ttl_s: float = LEASE_TTL
    grace_s: float = 3600.0
    """How long the last attempt of a job can be revived after its lease ran out."""
    elsewhere_s: float = 600.0
    """After a failure other agents go first for this long."""
    alive_s: float = 90.0
    """An agent that polled with a place this recently is alive."""
    retry_delay_s: float = 5.0
    """Before the second attempt; doubles with each further one."""
    max_retry_delay_s: float = 300.0
    rest_s: float = 30.0
    """After a release the agent is not offered the job again; doubles with each release."""
    max_rest_s: float = 900.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Lease:
    """One grant of one job to one agent, from the offer to its end."""

    lease_id: LeaseId
    origin: LeaseId
    """The first lease_id of the chain that resuming made; uploads belong to it."""
    agent_id: AgentId
    boot_id: BootId
    attempt: int
    phase: Phase
    until: Moment
    offered_at: Moment
    request_id: str = ""
    accepted_at: Moment | None = None
    ended_at: Moment | None = None
    stage: Stage | None = None
    progress: float = 0.0
    message: str = ""
    code: FailureCode | None = None
    reason: str | None = None
    replaced_by: LeaseId | None = None
    is_counted: bool = False
    """Uses up one of the job's attempts."""
    is_told: bool = False
    """The agent has been answered `lease_lost` about it."""


@dataclass(frozen=True, slots=True)
class Rest:
    """A released job is not offered to the same agent before `until`."""

    agent_id: AgentId
    releases: int
    until: Moment


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """What the queue must know; options, names and results are none of its business."""

    job_id: JobId
    state: JobState
    content_type: str
    queue: str
    priority: int
    size: Bytes | None
    created_at: Moment
    updated_at: Moment
    is_whole: bool
    """All of the input is here, or somewhere else."""
    max_attempts: int
    allowed: int
    """Counted attempts after which the job fails; a retry by the client raises it."""
    ended_at: Moment | None = None
    not_before: Moment = Moment(0.0)
    doomed_at: Moment | None = None
    """The last attempt ran out: fails with `worker_lost` then, unless that lease is revived."""
    retried_at: Moment = Moment(0.0)
    """Failures before this are forgiven."""
    cancels: int = 0
    code: FailureCode | None = None
    message: str | None = None
    leases: tuple[Lease, ...] = ()
    rests: tuple[Rest, ...] = ()

    @property
    def counted(self) -> int:
        return sum(lease.is_counted for lease in self.leases)

    @property
    def has_ended(self) -> bool:
        return self.state in ENDED

    @property
    def live(self) -> Lease | None:
        return next((lease for lease in self.leases if lease.phase in LIVE), None)

    def lease(self, lease_id: LeaseId) -> Lease:
        """Raises `KeyError` for a lease of another job: the caller looked it up wrongly."""
        for lease in self.leases:
            if lease.lease_id == lease_id:
                return lease
        raise KeyError(lease_id)

    def newest(self, lease_id: LeaseId) -> Lease:
        """The current lease of the attempt that any of its lease_ids names."""
        lease = self.lease(lease_id)
        while lease.replaced_by is not None:
            lease = self.lease(lease.replaced_by)
        return lease


@dataclass(frozen=True, slots=True)
class Lost:
    """The lease is over: nothing changed, except that its agent has now been told."""

    reason: LostReason
    job: Job


@dataclass(frozen=True, slots=True)
class NotAccepted:
    """Only a renewal accepts an offer."""

    job: Job
