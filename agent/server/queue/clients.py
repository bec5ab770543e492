"""What a client's words do to a job: the input becomes whole, cancel, retry."""

from dataclasses import dataclass, replace

from agent.model.ids import Bytes
from agent.server.queue.change import end_lease, end_others, move
from agent.server.queue.values import REVIVABLE, Job, Moment, Phase
from agent.wire.jobs import JobState


@dataclass(frozen=True, slots=True)
class StillActive:
    """A client asked for something that only an ended job allows."""

    job: Job


def input_whole(job: Job, size: Bytes, now: Moment) -> Job:
    job = replace(job, is_whole=True, size=size)
    return job if job.state is not JobState.CREATED else move(job, JobState.QUEUED, now)


def cancel(job: Job, now: Moment) -> Job:
    """A held lease stays until its agent has cleaned up; asked twice, it is told to hurry."""
    if job.state is JobState.CANCELLED:
        return replace(job, cancels=job.cancels + 1, updated_at=now)
    if job.has_ended:
        return job
    live = job.live
    if live is not None and live.phase is Phase.OFFERED:
        job = end_lease(job, live, Phase.CANCELLED, now)
    for lease in job.leases:
        if lease.phase in REVIVABLE:
            job = end_lease(job, lease, Phase.CANCELLED, now)
    return move(replace(job, cancels=1, doomed_at=None), JobState.CANCELLED, now)


def retry(job: Job, now: Moment) -> Job | StillActive:
    """A fresh set of attempts; nothing that was granted before can come back."""
    if job.state is JobState.QUEUED and job.doomed_at is None:
        return job
    if job.state not in {JobState.FAILED, JobState.CANCELLED}:
        return StillActive(job)
    was = Phase.CANCELLED if job.state is JobState.CANCELLED else Phase.SUPERSEDED
    job = end_others(job, None, was, now)
    fresh = replace(
        job,
        allowed=job.counted + job.max_attempts,
        retried_at=now,
        not_before=Moment(0.0),
        rests=(),
        cancels=0,
        code=None,
        message=None,
    )
    return move(fresh, JobState.QUEUED if job.is_whole else JobState.CREATED, now)


def is_held(job: Job) -> bool:
    """An agent works on it, or cleans up after it."""
    return job.live is not None
