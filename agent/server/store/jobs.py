"""Jobs and their leases as rows: loaded as values, saved as the difference of two values."""

import sqlite3
from dataclasses import dataclass, fields
from typing import TypeVar

from agent.model.failures import FailureCode
from agent.model.ids import AgentId, BootId, Bytes, Digest, JobId, LeaseId
from agent.model.lease import Stage
from agent.server.queue.values import Job, Lease, Moment, Phase, Rest
from agent.server.store import events
from agent.server.store.transaction import Transaction
from agent.wire.jobs import JobState

_JOB_COLUMNS = tuple(f.name for f in fields(Job) if f.name not in {"leases", "rests"})
_LEASE_COLUMNS = tuple(f.name for f in fields(Lease))
T = TypeVar("T")


@dataclass(frozen=True, slots=True, kw_only=True)
class Spec:
    """What the queue need not know of a job; it never changes once the input is whole."""

    filename: str
    sha256: Digest | None
    media_type: str | None
    options: str
    """JSON; may hold the user's secrets: never logged."""
    input_url: str | None
    timeout_s: float | None


@dataclass(frozen=True, slots=True)
class Granted:
    """An offer or a lease with what its agent must be told."""

    job: Job
    lease: Lease
    spec: Spec


def load(tx: Transaction, job_id: str) -> Job | None:
    row = tx.db.execute("SELECT * FROM jobs WHERE job_id = ?", (job_id,)).fetchone()
    return None if row is None else _job(tx.db, row)


def load_by_lease(tx: Transaction, lease_id: str) -> Job | None:
    row = tx.db.execute(
        "SELECT jobs.* FROM jobs JOIN leases USING (job_id) WHERE lease_id = ?", (lease_id,)
    ).fetchone()
    return None if row is None else _job(tx.db, row)


def load_spec(tx: Transaction, job_id: JobId) -> Spec:
    names = [f.name for f in fields(Spec)]
    row = tx.db.execute(
        f"SELECT {', '.join(names)} FROM jobs WHERE job_id = ?",  # noqa: S608 - our own names
        (job_id,),
    ).fetchone()
    return Spec(**dict(zip(names, row, strict=True)))


def granted(tx: Transaction, job: Job, lease: Lease) -> Granted:
    return Granted(job, lease, load_spec(tx, job.job_id))


def insert(tx: Transaction, job: Job, spec: Spec, key: str | None, body_digest: str) -> None:
    values = {
        **_job_row(job),
        **{f.name: getattr(spec, f.name) for f in fields(Spec)},
        "idempotency_key": key,
        "body_digest": body_digest,
    }
    _insert(tx.db, "jobs", values)
    tx.db.execute("INSERT OR IGNORE INTO kinds VALUES (?, ?)", (job.queue, job.content_type))
    events.record(tx, None, job)
    _note(tx, None, job)


def save(tx: Transaction, before: Job, after: Job) -> None:
    if before == after:
        return
    old, new = _job_row(before), _job_row(after)
    changed = {name: value for name, value in new.items() if old[name] != value}
    if changed:
        names = ", ".join(f"{name} = ?" for name in changed)
        tx.db.execute(
            f"UPDATE jobs SET {names} WHERE job_id = ?",  # noqa: S608 - our own names
            (*changed.values(), after.job_id),
        )
    _save_leases(tx.db, before, after)
    if before.rests != after.rests:
        _save_rests(tx.db, after)
    events.record(tx, before, after)
    _note(tx, before, after)


def _note(tx: Transaction, before: Job | None, after: Job) -> None:
    tx.changed.add(after.job_id)
    if after.state is JobState.QUEUED and (before is None or before.state is not after.state):
        tx.has_work = True
    if after.state is JobState.COMPLETED and before is not None and before.state is not after.state:
        tx.has_result = _make_due(tx, after) or tx.has_result


def _make_due(tx: Transaction, job: Job) -> bool:
    """In the same transaction: a result that somebody waits for is never forgotten."""
    due = tx.db.execute(
        "UPDATE morag_jobs SET due_at = ? WHERE job_id = ? AND is_awaited", (tx.now, job.job_id)
    )
    return due.rowcount > 0


def _save_leases(db: sqlite3.Connection, before: Job, after: Job) -> None:
    known = {lease.lease_id: lease for lease in before.leases}
    for lease in after.leases:
        old = known.get(lease.lease_id)
        if old is None:
            _insert(db, "leases", {"job_id": after.job_id, **_lease_row(lease)})
        elif old != lease:
            row = _lease_row(lease)
            names = ", ".join(f"{name} = ?" for name in row)
            db.execute(
                f"UPDATE leases SET {names} WHERE lease_id = ?",  # noqa: S608 - our own names
                (*row.values(), lease.lease_id),
            )


def _save_rests(db: sqlite3.Connection, job: Job) -> None:
    db.execute("DELETE FROM rests WHERE job_id = ?", (job.job_id,))
    for rest in job.rests:
        db.execute(
            "INSERT INTO rests VALUES (?, ?, ?, ?)",
            (job.job_id, rest.agent_id, rest.releases, rest.until),
        )


def _insert(db: sqlite3.Connection, table: str, values: dict[str, object]) -> None:
    names = ", ".join(values)
    marks = ", ".join("?" * len(values))
    db.execute(
        f"INSERT INTO {table} ({names}) VALUES ({marks})",  # noqa: S608 - our own names
        tuple(values.values()),
    )


def _job_row(job: Job) -> dict[str, object]:
    return {name: _plain(getattr(job, name)) for name in _JOB_COLUMNS}


def _lease_row(lease: Lease) -> dict[str, object]:
    return {name: _plain(getattr(lease, name)) for name in _LEASE_COLUMNS}


def _plain(value: object) -> object:
    return int(value) if isinstance(value, bool) else value


def _job(db: sqlite3.Connection, row: sqlite3.Row) -> Job:
    job_id = row["job_id"]
    leases = db.execute("SELECT * FROM leases WHERE job_id = ? ORDER BY seq", (job_id,))
    rests = db.execute("SELECT agent_id, releases, until FROM rests WHERE job_id = ?", (job_id,))
    return Job(
        job_id=JobId(job_id),
        state=JobState(row["state"]),
        content_type=row["content_type"],
        queue=row["queue"],
        priority=row["priority"],
        size=None if row["size"] is None else Bytes(row["size"]),
        created_at=Moment(row["created_at"]),
        updated_at=Moment(row["updated_at"]),
        is_whole=bool(row["is_whole"]),
        max_attempts=row["max_attempts"],
        allowed=row["allowed"],
        ended_at=row["ended_at"],
        not_before=Moment(row["not_before"]),
        doomed_at=row["doomed_at"],
        retried_at=Moment(row["retried_at"]),
        cancels=row["cancels"],
        code=_optional(FailureCode, row["code"]),
        message=row["message"],
        leases=tuple(_lease(lease) for lease in leases),
        rests=tuple(Rest(AgentId(r[0]), r[1], Moment(r[2])) for r in rests),
    )


def _lease(row: sqlite3.Row) -> Lease:
    return Lease(
        lease_id=LeaseId(row["lease_id"]),
        origin=LeaseId(row["origin"]),
        agent_id=AgentId(row["agent_id"]),
        boot_id=BootId(row["boot_id"]),
        attempt=row["attempt"],
        phase=Phase(row["phase"]),
        until=Moment(row["until"]),
        offered_at=Moment(row["offered_at"]),
        request_id=row["request_id"],
        accepted_at=row["accepted_at"],
        ended_at=row["ended_at"],
        stage=_optional(Stage, row["stage"]),
        progress=row["progress"],
        message=row["message"],
        code=_optional(FailureCode, row["code"]),
        reason=row["reason"],
        replaced_by=row["replaced_by"],
        is_counted=bool(row["is_counted"]),
        is_told=bool(row["is_told"]),
    )


def _optional(kind: type[T], value: str | None) -> T | None:
    return None if value is None else kind(value)  # type: ignore[call-arg]
