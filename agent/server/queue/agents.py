"""What an agent's words do to a job: offer, renew, release, fail, complete."""

from dataclasses import dataclass, replace

from agent.model.failures import RETRYABLE, RETRYABLE_ONCE, FailureCode
from agent.model.ids import AgentId, BootId, LeaseId
from agent.model.lease import LostReason, Stage
from agent.server.queue.change import end_lease, end_others, hold, move, put, why_lost
from agent.server.queue.values import (
    REVIVABLE,
    Job,
    Lease,
    Lost,
    Moment,
    NotAccepted,
    Numbers,
    Phase,
    Rest,
)
from agent.wire.jobs import JobState


@dataclass(frozen=True, slots=True)
class Asker:
    """The poll that an offer answers."""

    agent_id: AgentId
    boot_id: BootId
    request_id: str


@dataclass(frozen=True, slots=True)
class Report:
    """What a renewal tells about the work."""

    stage: Stage
    progress: float
    message: str = ""


@dataclass(frozen=True, slots=True)
class Failure:
    code: FailureCode
    message: str
    is_retryable: bool


def offer(job: Job, asker: Asker, new_id: LeaseId, now: Moment, numbers: Numbers) -> Job:
    """An agent that may still hold an old lease on the job gets that one back, under its id."""
    until = Moment(now + numbers.offer_ttl_s)
    old = revivable_by(job, asker)
    lease = Lease(
        lease_id=new_id,
        origin=new_id,
        agent_id=asker.agent_id,
        boot_id=asker.boot_id,
        attempt=job.counted + 1,
        phase=Phase.OFFERED,
        until=until,
        offered_at=now,
        request_id=asker.request_id,
    )
    if old is not None:
        lease = replace(
            old, phase=Phase.OFFERED, until=until, ended_at=None, request_id=asker.request_id
        )
    return move(put(job, lease, now), JobState.OFFERED, now)


def revivable_by(job: Job, asker: Asker) -> Lease | None:
    for lease in job.leases:
        is_theirs = (lease.agent_id, lease.boot_id) == (asker.agent_id, asker.boot_id)
        if is_theirs and lease.phase in REVIVABLE:
            return lease
    return None


def withdraw(job: Job, lease_id: LeaseId, now: Moment) -> Job:
    """The offer could not be handed over: as if it had run out at once."""
    lease = job.lease(lease_id)
    return job if lease.phase is not Phase.OFFERED else run_out(job, lease, now)


def run_out(job: Job, lease: Lease, now: Moment) -> Job:
    """An offer that nobody accepted goes back; one that revived a lease makes it expired again."""
    phase = Phase.LAPSED if lease.accepted_at is None else Phase.EXPIRED
    return move(end_lease(job, lease, phase, now), JobState.QUEUED, now)


def renew(job: Job, lease_id: LeaseId, report: Report, now: Moment, numbers: Numbers) -> Job | Lost:
    """Accepts an offer, prolongs a lease, revives one that ran out."""
    lease = job.lease(lease_id)
    reason = why_lost(job, lease)
    if reason is not None:
        return tell(job, lease, reason)
    said = replace(lease, stage=report.stage, progress=report.progress, message=report.message)
    return hold(job, said, Moment(now + numbers.lease_ttl_s), now)


def touch(job: Job, lease_id: LeaseId, now: Moment, numbers: Numbers) -> Job | Lost | NotAccepted:
    """Every other call about a lease: nothing happens to a held one, one that ran out revives."""
    lease = job.lease(lease_id)
    reason = why_lost(job, lease)
    if reason is None and lease.phase is Phase.HELD and job.state is JobState.CANCELLED:
        return Lost(LostReason.CANCELLED, job)
    if reason is not None:
        return tell(job, lease, reason)
    if lease.accepted_at is None:
        return NotAccepted(job)
    if lease.phase is Phase.HELD and now < lease.until:
        return job
    # It ran out, whether or not the sweep has come by since.
    return hold(job, lease, Moment(now + numbers.lease_ttl_s), now)


def tell(job: Job, lease: Lease, reason: LostReason) -> Lost:
    return Lost(reason, put(job, replace(lease, is_told=True), job.updated_at))


def release(
    job: Job,
    lease_id: LeaseId,
    reason: str,
    retry_after: float,
    now: Moment,
    numbers: Numbers,
) -> Job | Lost:
    """Given back unfinished, not counted; others go first for a while."""
    lease = job.lease(lease_id)
    if lease.phase is Phase.RELEASED:
        return job
    lost = why_lost(job, lease)
    if lost is not None:
        return tell(job, lease, lost)
    rested = rest(job, lease.agent_id, retry_after, now, numbers)
    return give_back(rested, lease, reason, now)


def give_back(job: Job, lease: Lease, reason: str, now: Moment) -> Job:
    returned = replace(lease, reason=reason, is_counted=False)
    job = end_lease(job, returned, Phase.RELEASED, now)
    if job.has_ended:
        return job
    if job.live is not None:
        # The lease had run out, and the job is already offered to somebody else.
        return job
    return move(replace(job, doomed_at=None), JobState.QUEUED, now)


def rest(job: Job, agent_id: AgentId, retry_after: float, now: Moment, numbers: Numbers) -> Job:
    before = next((r.releases for r in job.rests if r.agent_id == agent_id), 0)
    doubled = min(numbers.max_rest_s, numbers.rest_s * 2 ** min(before, 16))
    until = Moment(now + max(doubled, retry_after))
    others = tuple(r for r in job.rests if r.agent_id != agent_id)
    rests = sorted((*others, Rest(agent_id, before + 1, until)), key=lambda r: r.agent_id)
    return replace(job, rests=tuple(rests))


def fail(
    job: Job, lease_id: LeaseId, failure: Failure, now: Moment, numbers: Numbers
) -> Job | Lost | NotAccepted:
    lease = job.lease(lease_id)
    if lease.phase is Phase.FAILED:
        return job
    touched = touch(job, lease_id, now, numbers)
    if not isinstance(touched, Job):
        return touched
    failed = replace(
        touched.lease(lease_id), code=failure.code, reason=failure.message, is_counted=True
    )
    ended = end_lease(touched, failed, Phase.FAILED, now)
    if _may_retry(touched, failure) and ended.counted < ended.allowed:
        delay = numbers.retry_delay_s * 2 ** min(ended.counted - 1, 16)
        not_before = Moment(now + min(delay, numbers.max_retry_delay_s))
        return move(replace(ended, not_before=not_before), JobState.QUEUED, now)
    return _end_failed(ended, failure, now)


def _may_retry(job: Job, failure: Failure) -> bool:
    if not failure.is_retryable or failure.code not in RETRYABLE:
        return False
    is_second = any(
        lease.code is failure.code and (lease.ended_at or 0.0) >= job.retried_at
        for lease in job.leases
    )
    return not (failure.code in RETRYABLE_ONCE and is_second)


def _end_failed(job: Job, failure: Failure, now: Moment) -> Job:
    ended = end_others(job, None, Phase.SUPERSEDED, now)
    return move(replace(ended, code=failure.code, message=failure.message), JobState.FAILED, now)


def complete(
    job: Job, lease_id: LeaseId, now: Moment, numbers: Numbers
) -> Job | Lost | NotAccepted:
    """The artifacts have been checked. The same lease again is the caller's to recognise."""
    touched = touch(job, lease_id, now, numbers)
    if not isinstance(touched, Job):
        return touched
    lease = replace(touched.lease(lease_id), progress=1.0)
    ended = end_lease(touched, lease, Phase.COMPLETED, now)
    return move(ended, JobState.COMPLETED, now)
