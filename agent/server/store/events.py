"""What event streams tell, numbered for each job: kept, so that a stream can go on after a cut."""

from dataclasses import dataclass

from agent.model.ids import JobId
from agent.server.queue.values import Job, Lease, Phase
from agent.server.store.transaction import Transaction
from agent.wire.jobs import JobEvent

PROGRESS_STEP = 0.01
"""Smaller steps are not worth a row."""


@dataclass(frozen=True, slots=True)
class Event:
    number: int
    kind: str
    """`state`, `stage` or `progress`."""
    data: str
    """A `JobEvent` in JSON."""


def record(tx: Transaction, before: Job | None, after: Job) -> None:
    kind = _kind(before, after)
    if kind is None:
        return
    (last,) = tx.db.execute(
        "SELECT coalesce(max(number), 0) FROM events WHERE job_id = ?", (after.job_id,)
    ).fetchone()
    tx.db.execute(
        "INSERT INTO events VALUES (?, ?, ?, ?)",
        (after.job_id, last + 1, kind, _told(after).model_dump_json()),
    )


def since(tx: Transaction, job_id: JobId, number: int) -> list[Event]:
    rows = tx.db.execute(
        "SELECT number, kind, data FROM events WHERE job_id = ? AND number > ? ORDER BY number",
        (job_id, number),
    )
    return [Event(*row) for row in rows]


def _kind(before: Job | None, after: Job) -> str | None:
    if before is None or before.state is not after.state:
        return "state"
    old, new = _working(before), _working(after)
    if new is None:
        return None
    if old is None or old.stage is not new.stage:
        return "stage"
    has_moved = abs(new.progress - old.progress) >= PROGRESS_STEP or new.message != old.message
    return "progress" if has_moved else None


def _working(job: Job) -> Lease | None:
    return next((lease for lease in job.leases if lease.phase is Phase.HELD), None)


def _told(job: Job) -> JobEvent:
    lease = _working(job)
    if lease is None:
        return JobEvent(
            job_id=job.job_id, state=job.state, code=job.code, message=job.message or ""
        )
    return JobEvent(
        job_id=job.job_id,
        state=job.state,
        attempt=lease.attempt,
        agent_id=lease.agent_id,
        stage=lease.stage,
        progress=lease.progress,
        message=lease.message,
        code=job.code,
    )
