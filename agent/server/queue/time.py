"""What time alone does to a job."""

from dataclasses import replace

from agent.model.failures import FailureCode
from agent.server.queue.agents import run_out
from agent.server.queue.change import end_lease, end_others, move
from agent.server.queue.values import Job, Lease, Moment, Numbers, Phase
from agent.wire.jobs import JobState


def expire(job: Job, now: Moment, numbers: Numbers) -> Job:
    """Whatever is due by `now`; a job with nothing due comes back unchanged."""
    lease = job.live
    if lease is not None and lease.until <= now:
        job = _lease_ran_out(job, lease, now, numbers)
    if job.doomed_at is not None and job.doomed_at <= now:
        job = end_worker_lost(job, now)
    return job


def _lease_ran_out(job: Job, lease: Lease, now: Moment, numbers: Numbers) -> Job:
    if job.has_ended:
        return end_lease(job, lease, Phase.CANCELLED, now)
    if lease.phase is Phase.OFFERED:
        return run_out(job, lease, now)
    expired = end_lease(job, replace(lease, is_counted=True), Phase.EXPIRED, now)
    is_last = expired.counted >= expired.allowed
    doomed_at = Moment(now + numbers.grace_s) if is_last else None
    return move(replace(expired, doomed_at=doomed_at), JobState.QUEUED, now)


def end_worker_lost(job: Job, now: Moment) -> Job:
    """The expired lease stays as it is: `expired` is what its agent is told from now on."""
    message = "the agent that worked on the last attempt did not come back"
    lost = replace(job, code=FailureCode.WORKER_LOST, message=message, doomed_at=None)
    return move(lost, JobState.FAILED, now)


def supersede_all(job: Job, now: Moment) -> Job:
    return end_others(job, None, Phase.SUPERSEDED, now)
