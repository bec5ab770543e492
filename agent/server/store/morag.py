"""Jobs that came through MoRAG's remote-jobs API: what is kept of them beside the job itself."""

import hashlib
import json
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass, replace

from agent.model.ids import AgentId, JobId, JsonObject
from agent.server.problems import ProblemError
from agent.server.queue import plain
from agent.server.queue.choice import Seeker, Sighting, why_skipped
from agent.server.queue.plain import Worker
from agent.server.queue.values import Job, Lease, Moment
from agent.server.store import clients, jobs
from agent.server.store.transaction import Transaction, new_lease_id
from agent.wire import jobs as wire
from agent.wire.morag import NewJob
from agent.wire.problems import ProblemCode

LOOK_AT = 100
"""Waiting jobs that one poll goes through; those at the head that nobody may have are few."""
TOLD, EMPTY = "told", "empty"


@dataclass(frozen=True, slots=True)
class MoragJob:
    job: Job
    ingestion_task_id: str
    task_options: str
    """JSON; may hold passwords: told to workers and to `on_result`, never logged."""
    is_awaited: bool
    """Somebody had `on_result` when the job was made."""
    tries: int
    outcome: str | None


def create(tx: Transaction, said: NewJob, job: wire.NewJob, *, is_awaited: bool) -> Job:
    """The same request for the same ingestion, sent again: the job that it made."""
    before = made_before(tx, said)
    if before is not None:
        return before
    made = clients.submit(tx, job).job
    tx.db.execute(
        "INSERT INTO morag_jobs (job_id, ingestion_task_id, request_digest, task_options,"
        " is_awaited) VALUES (?, ?, ?, ?, ?)",
        (
            made.job_id,
            said.ingestion_task_id,
            _digest(said),
            json.dumps(said.task_options),
            int(is_awaited),
        ),
    )
    return made


def _digest(said: NewJob) -> str:
    canonical = json.dumps(said.model_dump(mode="json"), sort_keys=True)
    return hashlib.sha256(canonical.encode("utf-8", "surrogatepass")).hexdigest()


def made_before(tx: Transaction, said: NewJob) -> Job | None:
    """By the same request, unless that came to nothing."""
    if not said.ingestion_task_id:
        return None
    row = tx.db.execute(
        "SELECT job_id FROM morag_jobs JOIN jobs USING (job_id) WHERE ingestion_task_id = ?"
        " AND request_digest = ? AND state NOT IN ('failed', 'cancelled')"
        " AND outcome IS NOT ?",
        (said.ingestion_task_id, _digest(said), EMPTY),
    ).fetchone()
    return None if row is None else clients.find(tx, row["job_id"])


def find(tx: Transaction, job_id: str) -> MoragJob:
    row = tx.db.execute("SELECT * FROM morag_jobs WHERE job_id = ?", (job_id,)).fetchone()
    if row is None:
        raise ProblemError(ProblemCode.UNKNOWN_JOB, "Job not found")
    return MoragJob(
        clients.find(tx, job_id),
        row["ingestion_task_id"],
        row["task_options"],
        bool(row["is_awaited"]),
        row["tries"],
        row["outcome"],
    )


@dataclass(frozen=True, slots=True)
class Taken:
    job: Job
    lease: Lease
    task_options: JsonObject


def take(
    tx: Transaction,
    worker: Worker,
    content_types: Collection[str],
    fleet: Sequence[Sighting],
    lease_s: Callable[[str], float],
) -> Taken | None:
    """The first job that this worker may have is its own from now on."""
    seeker = Seeker(
        agent_id=worker.agent_id,
        boot_id=plain.new_boot(worker),
        request_id="",
        content_types=frozenset(content_types),
        queues=None,
    )
    for job in _waiting(tx, content_types):
        if why_skipped(job, seeker, fleet, tx.now, tx.numbers) is None:
            numbers = plain.lasting(tx.numbers, lease_s(job.content_type))
            held, lease = plain.grant(job, seeker.asker, new_lease_id(), tx.now, numbers)
            jobs.save(tx, job, held)
            return Taken(held, lease, json.loads(find(tx, job.job_id).task_options))
    return None


def _waiting(tx: Transaction, content_types: Collection[str]) -> Iterator[Job]:
    marks = ", ".join("?" * len(content_types))
    rows = tx.db.execute(
        "SELECT job_id FROM jobs WHERE state = 'queued' AND not_before <= ? AND doomed_at IS NULL"  # noqa: S608 - marks only
        f" AND content_type IN ({marks})"
        " AND EXISTS (SELECT 1 FROM morag_jobs WHERE morag_jobs.job_id = jobs.job_id)"
        " ORDER BY priority DESC, seq LIMIT ?",
        (tx.now, *content_types, LOOK_AT),
    ).fetchall()
    for row in rows:
        job = jobs.load(tx, row["job_id"])
        if job is not None:
            yield job


def put_back(tx: Transaction, taken: Taken) -> None:
    """Nobody is there any more to be told of it."""
    job = clients.find(tx, taken.job.job_id)
    jobs.save(tx, job, plain.put_back(job, job.lease(taken.lease.lease_id), tx.now))


def theirs(tx: Transaction, agent_id: AgentId, job_id: str) -> tuple[MoragJob, Lease]:
    """The job and the lease that this worker holds or had on it."""
    found = find(tx, job_id)
    lease = plain.newest_of(found.job, agent_id)
    if lease is None:
        raise ProblemError(ProblemCode.FORBIDDEN, "this job was not given to this worker")
    return found, lease


def ask_after(
    tx: Transaction, agent_id: AgentId, job_id: str, lease_s: Callable[[str], float]
) -> tuple[MoragJob, Lease]:
    """A worker that asks has its time anew."""
    found, lease = theirs(tx, agent_id, job_id)
    numbers = plain.lasting(tx.numbers, lease_s(found.job.content_type))
    after = plain.prolong(found.job, lease, tx.now, numbers)
    jobs.save(tx, found.job, after)
    return replace(found, job=after), after.lease(lease.lease_id)


def due(tx: Transaction, limit: int, but_not: Collection[JobId]) -> list[JobId]:
    """Jobs whose result is to be told now; the one that has waited longest first."""
    rows = tx.db.execute(
        "SELECT job_id FROM morag_jobs WHERE due_at <= ? ORDER BY due_at LIMIT ?",
        (tx.now, limit + len(but_not)),
    ).fetchall()
    return [job_id for row in rows if (job_id := JobId(row["job_id"])) not in but_not][:limit]


def note_told(tx: Transaction, job_id: JobId, outcome: str) -> None:
    tx.db.execute(
        "UPDATE morag_jobs SET due_at = NULL, outcome = ? WHERE job_id = ?", (outcome, job_id)
    )


def postpone(tx: Transaction, job_id: JobId, until: Moment) -> None:
    tx.db.execute(
        "UPDATE morag_jobs SET due_at = ?, tries = tries + 1 WHERE job_id = ?", (until, job_id)
    )
