"""The calls of section 8: submit, look, list, cancel, retry, remove."""

import hashlib
import json
import secrets
from collections.abc import Sequence
from dataclasses import dataclass

from agent.model.ids import Bytes, Digest, JobId
from agent.server.problems import ProblemError
from agent.server.queue import clients as moves
from agent.server.queue.clients import StillActive
from agent.server.queue.values import Job, Moment
from agent.server.store import jobs, leases, uploads
from agent.server.store.jobs import Spec
from agent.server.store.transaction import Transaction, new_job_id
from agent.server.store.uploads import INPUT, Upload
from agent.wire.jobs import JobState, NewJob
from agent.wire.problems import ProblemCode


@dataclass(frozen=True, slots=True)
class Submitted:
    job: Job
    has_upload: bool
    is_new: bool


@dataclass(frozen=True, slots=True)
class JobView:
    """A job as its client sees it; `result` is manifest, summary, metrics in JSON."""

    job: Job
    spec: Spec
    result: tuple[str, str, str]


def submit(tx: Transaction, said: NewJob) -> Submitted:
    body_digest = _digest(said)
    if said.idempotency_key is not None:
        row = tx.db.execute(
            "SELECT job_id, body_digest FROM jobs WHERE idempotency_key = ?",
            (said.idempotency_key,),
        ).fetchone()
        if row is not None and row["body_digest"] != body_digest:
            raise ProblemError(ProblemCode.KEY_REUSED, "this key came with another body before")
        if row is not None:
            return Submitted(find(tx, row["job_id"]), said.input_url is None, is_new=False)
    job, spec = _new_job(tx, said)
    jobs.insert(tx, job, spec, said.idempotency_key, body_digest)
    if said.input_url is None:
        uploads.insert(tx, _input_upload(job, said))
    return Submitted(job, said.input_url is None, is_new=True)


def _digest(said: NewJob) -> str:
    canonical = json.dumps(said.model_dump(mode="json"), sort_keys=True)
    return hashlib.sha256(canonical.encode("utf-8", "surrogatepass")).hexdigest()


def _new_job(tx: Transaction, said: NewJob) -> tuple[Job, Spec]:
    is_whole = said.input_url is not None
    job = Job(
        job_id=new_job_id(),
        state=JobState.QUEUED if is_whole else JobState.CREATED,
        content_type=said.content_type,
        queue=said.queue,
        priority=said.priority,
        size=None if said.size is None else Bytes(said.size),
        created_at=tx.now,
        updated_at=tx.now,
        is_whole=is_whole,
        max_attempts=said.max_attempts,
        allowed=said.max_attempts,
    )
    spec = Spec(
        filename=said.filename,
        sha256=None if said.sha256 is None else Digest(said.sha256),
        media_type=said.media_type,
        options=json.dumps(said.options),
        input_url=said.input_url,
        timeout_s=said.timeout_s,
    )
    return job, spec


def _input_upload(job: Job, said: NewJob) -> Upload:
    return Upload(
        upload_id=secrets.token_hex(16),
        job_id=job.job_id,
        origin=INPUT,
        name="input",
        media_type=said.media_type or "application/octet-stream",
        sha256=None if said.sha256 is None else Digest(said.sha256),
        length=said.size or 0,
    )


def input_upload(tx: Transaction, job_id: str) -> Upload:
    found = uploads.of_origin(tx, JobId(job_id), INPUT)
    if not found:
        raise ProblemError(ProblemCode.UNKNOWN_UPLOAD, "no such upload")
    return found[0]


def input_arrived(tx: Transaction, upload: Upload, sha256: Digest) -> None:
    uploads.note_done(tx, upload, sha256)
    tx.db.execute("UPDATE jobs SET sha256 = ? WHERE job_id = ?", (sha256, upload.job_id))
    job = find(tx, upload.job_id)
    jobs.save(tx, job, moves.input_whole(job, Bytes(upload.length), tx.now))


def drop_input(tx: Transaction, upload: Upload) -> None:
    """Tus termination: without its input the job cannot be done."""
    job = find(tx, upload.job_id)
    if job.state is not JobState.CREATED:
        raise ProblemError(ProblemCode.JOB_ACTIVE, "the input is whole: remove the job instead")
    jobs.save(tx, job, moves.cancel(job, tx.now))
    uploads.delete(tx, upload)


def find(tx: Transaction, job_id: str) -> Job:
    job = jobs.load(tx, job_id)
    if job is None:
        raise ProblemError(ProblemCode.UNKNOWN_JOB, "no such job")
    return job


def view(tx: Transaction, job_id: str) -> JobView:
    job = find(tx, job_id)
    return JobView(job, jobs.load_spec(tx, job.job_id), leases.load_result(tx, job))


def page(
    tx: Transaction, state: JobState | None, limit: int, before: int | None
) -> tuple[Sequence[JobView], int | None]:
    """The newest first; the second part is where the next page begins."""
    rows = tx.db.execute(
        "SELECT seq, job_id FROM jobs WHERE (?1 IS NULL OR state = ?1)"
        " AND (?2 IS NULL OR seq < ?2) ORDER BY seq DESC LIMIT ?3",
        (state, before, limit + 1),
    ).fetchall()
    views = [view(tx, row["job_id"]) for row in rows[:limit]]
    return views, rows[limit - 1]["seq"] if len(rows) > limit else None


def cancel(tx: Transaction, job_id: str) -> Job:
    job = find(tx, job_id)
    after = moves.cancel(job, tx.now)
    jobs.save(tx, job, after)
    return after


def retry(tx: Transaction, job_id: str) -> Job:
    job = find(tx, job_id)
    after = moves.retry(job, tx.now)
    if isinstance(after, StillActive):
        raise ProblemError(ProblemCode.JOB_ACTIVE, f"the job is {job.state}")
    jobs.save(tx, job, after)
    return after


def remove(tx: Transaction, job_id: str) -> JobId:
    """The rows; its files are removed after the commit."""
    job = find(tx, job_id)
    if moves.is_held(job):
        raise ProblemError(ProblemCode.JOB_ACTIVE, "an agent holds the job: cancel it first")
    forget(tx, job.job_id)
    return job.job_id


def forget(tx: Transaction, job_id: JobId) -> None:
    tx.db.execute("DELETE FROM jobs WHERE job_id = ?", (job_id,))
    tx.changed.add(job_id)


def artifact(tx: Transaction, job_id: str, name: str) -> Upload:
    """A file of the accepted result."""
    current = view(tx, job_id)
    lines = json.loads(current.result[0]) if current.job.state is JobState.COMPLETED else []
    if any(line["name"] == name for line in lines):
        for lease in current.job.leases:
            for upload in uploads.of_origin(tx, current.job.job_id, lease.origin):
                is_it = upload.name == name and lease.phase == "completed"
                if is_it:
                    return upload
    raise ProblemError(ProblemCode.UNKNOWN_ARTIFACT, "no such artifact")


def counts(tx: Transaction) -> dict[JobState, int]:
    rows = tx.db.execute("SELECT state, count(*) FROM jobs GROUP BY state").fetchall()
    there = {JobState(state): count for state, count in rows}
    return {state: there.get(state, 0) for state in JobState}


def stale(tx: Transaction, ended_before: Moment, created_before: Moment) -> list[JobId]:
    """Jobs whose time is over, a few at a time; not those whose result nobody has taken yet."""
    rows = tx.db.execute(
        "SELECT job_id FROM jobs WHERE ended_at < ? AND job_id NOT IN"
        " (SELECT job_id FROM morag_jobs WHERE due_at IS NOT NULL) UNION ALL"
        " SELECT job_id FROM jobs WHERE state = 'created' AND updated_at < ? LIMIT 100",
        (ended_before, created_before),
    )
    return [JobId(job_id) for (job_id,) in rows.fetchall()]
