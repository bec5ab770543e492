"""A job as its client sees it, made of the values that the queue works with."""

import json

from agent.server.clock import in_words
from agent.server.queue.values import LIVE, Lease, Phase
from agent.server.store.clients import JobView
from agent.wire.jobs import AttemptInfo, JobInfo
from agent.wire.leases import ManifestLine

_OUTCOMES = {
    Phase.LAPSED: "expired",
    Phase.SUPERSEDED: "expired",
    Phase.EXPIRED: "expired",
    Phase.RELEASED: "released",
    Phase.FAILED: "failed",
    Phase.COMPLETED: "completed",
    Phase.CANCELLED: "cancelled",
    Phase.LOST: "lost",
}


def job_info(view: JobView) -> JobInfo:
    job, spec = view.job, view.spec
    manifest, summary, metrics = (json.loads(part) for part in view.result)
    return JobInfo(
        job_id=job.job_id,
        state=job.state,
        content_type=job.content_type,
        queue=job.queue,
        priority=job.priority,
        filename=spec.filename,
        size=job.size,
        sha256=spec.sha256,
        max_attempts=job.max_attempts,
        created_at=in_words(job.created_at),
        updated_at=in_words(job.updated_at),
        code=job.code,
        message=job.message,
        attempts=tuple(_attempt(lease) for lease in job.leases if lease.phase in _SHOWN),
        artifacts=tuple(ManifestLine.model_validate(line) for line in manifest),
        summary=summary,
        metrics=metrics,
    )


_SHOWN = LIVE | _OUTCOMES.keys()
"""A replaced lease goes on under its new id: one line for both."""


def _attempt(lease: Lease) -> AttemptInfo:
    return AttemptInfo(
        number=lease.attempt,
        agent_id=lease.agent_id,
        lease_id=lease.lease_id,
        stage=lease.stage,
        progress=lease.progress,
        message=lease.message,
        outcome=_OUTCOMES.get(lease.phase),
        code=lease.code,
        reason=lease.reason,
        offered_at=in_words(lease.offered_at),
        accepted_at=None if lease.accepted_at is None else in_words(lease.accepted_at),
        ended_at=None if lease.ended_at is None else in_words(lease.ended_at),
    )
