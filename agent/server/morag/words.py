"""Our states and moments in MoRAG's words."""

from datetime import UTC, datetime

from agent.model.claim import JobStatus
from agent.model.failures import FailureCode
from agent.server.queue.plain import worker_name
from agent.server.queue.values import Job, Lease, Phase
from agent.server.store.morag import EMPTY, MoragJob
from agent.wire import morag as wire
from agent.wire.jobs import JobState

TIMEOUTS_S = {"audio": 1800.0, "video": 3600.0, "document": 900.0}
OTHER_TIMEOUT_S = 3600.0
ESTIMATES_S = {"audio": 300.0, "video": 900.0}
OTHER_ESTIMATE_S = 600.0
NOTHING = "the result has no content"

_STATUS = {
    JobState.CREATED: JobStatus.PENDING,
    JobState.QUEUED: JobStatus.PENDING,
    JobState.OFFERED: JobStatus.PENDING,
    JobState.LEASED: JobStatus.PROCESSING,
    JobState.COMPLETED: JobStatus.COMPLETED,
    JobState.FAILED: JobStatus.FAILED,
    JobState.CANCELLED: JobStatus.CANCELLED,
}
_TIMED_OUT = frozenset({FailureCode.TIMEOUT, FailureCode.WORKER_LOST})


def naive(moment: float) -> str:
    """UTC without saying so, as MoRAG writes it."""
    return datetime.fromtimestamp(moment, UTC).replace(tzinfo=None).isoformat()


def status_of(found: MoragJob) -> JobStatus:
    job = found.job
    if found.outcome == EMPTY:
        return JobStatus.FAILED
    if job.state is JobState.FAILED and job.code in _TIMED_OUT:
        return JobStatus.TIMEOUT
    return _STATUS[job.state]


def state_of(found: MoragJob) -> wire.JobState:
    job, lease = found.job, _telling(found.job)
    started = None if lease is None else lease.accepted_at
    status = status_of(found)
    return wire.JobState(
        job_id=job.job_id,
        status=status,
        worker_id=None if lease is None else worker_name(lease),
        created_at=naive(job.created_at),
        started_at=None if started is None else naive(started),
        completed_at=None if job.ended_at is None else naive(job.ended_at),
        error_message=NOTHING if found.outcome == EMPTY else job.message,
        retry_count=job.counted,
        estimated_completion=_estimate(job.content_type, started, status),
    )


def _telling(job: Job) -> Lease | None:
    """The attempt that counts: the one under way or the one that did it, else the last."""
    accepted = [lease for lease in job.leases if lease.accepted_at is not None]
    counts = [lease for lease in accepted if lease.phase in {Phase.HELD, Phase.COMPLETED}]
    return next(iter(counts), accepted[-1] if accepted else None)


def _estimate(content_type: str, started: float | None, status: JobStatus) -> str | None:
    if started is None or status is not JobStatus.PROCESSING:
        return None
    return naive(started + ESTIMATES_S.get(content_type, OTHER_ESTIMATE_S))
