"""Which process of an agent is the current one, and what becomes of the leases of earlier ones.

(none) --hello--> CURRENT --hello of a later boot--> superseded for good
                    |  ^
           sign-off |  | hello of another boot
                    v  |
                  (none), that boot signed off for good
"""

from collections.abc import Collection
from dataclasses import dataclass, replace

from agent.model.ids import AgentId, BootId, LeaseId
from agent.model.lease import Stage
from agent.server.queue.agents import give_back
from agent.server.queue.change import end_lease, hold, move, put, why_lost
from agent.server.queue.time import end_worker_lost, supersede_all
from agent.server.queue.values import (
    LIVE,
    REVIVABLE,
    Job,
    Lease,
    Moment,
    Numbers,
    Phase,
)
from agent.wire.jobs import JobState


@dataclass(frozen=True, slots=True)
class Boots:
    """What the server remembers of one agent's processes."""

    current: BootId | None = None
    seq: int | None = None
    """The highest number seen; a later boot's is not lower."""
    superseded: frozenset[BootId] = frozenset()
    signed_off: frozenset[BootId] = frozenset()


@dataclass(frozen=True, slots=True)
class NewerBoot:
    """Another process has taken over; this one must stop."""

    boot_seq: int | None


@dataclass(frozen=True, slots=True)
class UnknownBoot:
    """Never said hello here (or we lost our memory): it should."""


def greet(boots: Boots, boot_id: BootId, seq: int | None) -> Boots | NewerBoot:
    """Hello; the same one again changes nothing."""
    if boot_id in boots.superseded | boots.signed_off:
        return NewerBoot(boots.seq)
    if boot_id == boots.current:
        return boots
    if seq is not None and boots.seq is not None and seq < boots.seq:
        return NewerBoot(boots.seq)
    older = {boots.current} if boots.current is not None else set()
    return replace(
        boots,
        current=boot_id,
        seq=boots.seq if seq is None else seq,
        superseded=boots.superseded | older,
    )


def check(boots: Boots, boot_id: BootId) -> NewerBoot | UnknownBoot | None:
    """None for the current boot."""
    if boot_id == boots.current:
        return None
    if boot_id in boots.superseded | boots.signed_off:
        return NewerBoot(boots.seq)
    return UnknownBoot()


def sign_off(boots: Boots, boot_id: BootId) -> Boots:
    return replace(boots, current=None, signed_off=boots.signed_off | {boot_id})


@dataclass(frozen=True, slots=True, kw_only=True)
class Resumption:
    """One line of hello's `resuming`, and the lease_id it gets if it goes on."""

    named: LeaseId
    stage: Stage
    boot_id: BootId
    new_id: LeaseId


def resume(job: Job, wish: Resumption, now: Moment, numbers: Numbers) -> tuple[Job, Lease | None]:
    """The job and the lease under which the later boot goes on, or None: it is lost."""
    lease = job.newest(wish.named)
    if why_lost(job, lease) is not None:
        return job, None
    if lease.boot_id == wish.boot_id:
        return job, lease
    if job.state is JobState.CANCELLED:
        return end_lease(job, replace(lease, is_told=True), Phase.CANCELLED, now), None
    new = replace(
        lease, lease_id=wish.new_id, boot_id=wish.boot_id, stage=wish.stage, request_id=""
    )
    fenced = replace(
        lease, phase=Phase.REPLACED, ended_at=now, replaced_by=wish.new_id, is_counted=False
    )
    job = hold(put(job, fenced, now), new, Moment(now + numbers.lease_ttl_s), now)
    return job, job.lease(wish.new_id)


def forget_older(job: Job, agent_id: AgentId, boot_id: BootId, now: Moment) -> Job:
    """Leases of this agent's older boots that hello did not list are gone."""
    for lease in job.leases:
        is_older = lease.agent_id == agent_id and lease.boot_id != boot_id
        if is_older and lease.phase in LIVE | REVIVABLE:
            job = _lose(job, lease, now)
    return job


def _lose(job: Job, lease: Lease, now: Moment) -> Job:
    is_counted = lease.accepted_at is not None
    job = end_lease(job, replace(lease, is_counted=is_counted), Phase.LOST, now)
    if job.has_ended or job.live is not None:
        return job
    if job.counted < job.allowed:
        return move(replace(job, doomed_at=None), JobState.QUEUED, now)
    return end_worker_lost(supersede_all(job, now), now)


def leave(job: Job, agent_id: AgentId, keep: Collection[LeaseId], now: Moment) -> Job:
    """Sign-off: everything held goes back uncounted, except finished results."""
    for lease in job.leases:
        is_theirs = lease.agent_id == agent_id and lease.phase in LIVE | REVIVABLE
        if is_theirs and lease.lease_id not in keep:
            job = give_back(job, lease, "sign_off", now)
    return job
