"""Small steps that every transition is made of."""

from dataclasses import replace

from agent.model.lease import LostReason
from agent.server.queue.values import LIVE, REVIVABLE, Job, Lease, Moment, Phase
from agent.wire.jobs import ENDED, JobState


def put(job: Job, lease: Lease, now: Moment) -> Job:
    """The job with this version of the lease; a lease_id it does not know is added."""
    known = [lease if old.lease_id == lease.lease_id else old for old in job.leases]
    is_new = all(old.lease_id != lease.lease_id for old in job.leases)
    leases = (*known, lease) if is_new else tuple(known)
    return replace(job, leases=leases, updated_at=now)


def end_lease(job: Job, lease: Lease, phase: Phase, now: Moment) -> Job:
    return put(job, replace(lease, phase=phase, ended_at=now), now)


def move(job: Job, state: JobState, now: Moment) -> Job:
    ended_at = now if state in ENDED else None
    return replace(job, state=state, updated_at=now, ended_at=ended_at)


def end_others(job: Job, keep: Lease | None, phase: Phase, now: Moment) -> Job:
    """No other lease of the job can come back after this."""
    for lease in job.leases:
        is_other = keep is None or lease.lease_id != keep.lease_id
        if is_other and lease.phase in LIVE | REVIVABLE:
            job = end_lease(job, lease, phase, now)
    return job


def hold(job: Job, lease: Lease, until: Moment, now: Moment) -> Job:
    """The lease is accepted or revived: the only one that counts from here on."""
    held = replace(
        lease,
        phase=Phase.HELD,
        until=until,
        accepted_at=lease.accepted_at or now,
        ended_at=None,
        is_counted=False,
    )
    job = end_others(put(job, held, now), held, Phase.SUPERSEDED, now)
    if job.has_ended:
        return job
    return move(replace(job, doomed_at=None, not_before=Moment(0.0)), JobState.LEASED, now)


def why_lost(job: Job, lease: Lease) -> LostReason | None:
    """None while the lease is live or can be revived."""
    if lease.phase is Phase.COMPLETED:
        return LostReason.COMPLETED
    if lease.phase is Phase.HELD:
        return None
    if lease.phase is Phase.CANCELLED or job.state is JobState.CANCELLED:
        return LostReason.CANCELLED
    if lease.phase is Phase.EXPIRED and job.state is JobState.FAILED:
        return LostReason.EXPIRED
    if lease.phase in LIVE | REVIVABLE and not job.has_ended:
        return None
    return LostReason.SUPERSEDED
