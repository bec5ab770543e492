"""The calls of section 7, each one transition of the job machine in one transaction."""

import json
from dataclasses import dataclass
from typing import NoReturn

from agent.model.ids import AgentId, JobId, JsonObject, LeaseId
from agent.model.lease import Directive, LostReason
from agent.server.problems import ProblemError, artifacts_refused, lease_lost
from agent.server.queue import agents as moves
from agent.server.queue.agents import Failure, Report
from agent.server.queue.choice import LONGEST_REST_S
from agent.server.queue.values import Job, Lease, Lost, NotAccepted, Phase
from agent.server.store import agents, jobs, uploads
from agent.server.store.jobs import Granted
from agent.server.store.transaction import Transaction
from agent.server.store.uploads import Upload
from agent.wire.leases import Complete, Fail, ManifestLine, Release
from agent.wire.problems import ProblemCode


@dataclass(frozen=True, slots=True)
class Caller:
    """Who speaks about which lease."""

    agent_id: AgentId
    boot_id: str
    lease_id: LeaseId


@dataclass(frozen=True, slots=True)
class Completed:
    job: Job
    dropped: tuple[Upload, ...]
    """Uploads whose files are of no use any more."""


@dataclass(frozen=True, slots=True)
class RenewedLease:
    job: Job
    directive: Directive
    reason: str | None


def find(tx: Transaction, agent_id: AgentId, lease_id: LeaseId) -> Job:
    """The job of a lease of this agent."""
    job = jobs.load_by_lease(tx, lease_id)
    if job is None:
        raise ProblemError(ProblemCode.UNKNOWN_LEASE, "no such lease")
    if job.lease(lease_id).agent_id != agent_id:
        raise ProblemError(ProblemCode.FORBIDDEN, "another agent's lease")
    return job


def _job_of(tx: Transaction, caller: Caller) -> Job:
    agents.current(tx, caller.agent_id, caller.boot_id)
    return find(tx, caller.agent_id, caller.lease_id)


def _settle(tx: Transaction, before: Job, after: Job | Lost | NotAccepted) -> Job:
    if not isinstance(after, Job):
        _refuse(tx, before, after)
    jobs.save(tx, before, after)
    return after


def _refuse(tx: Transaction, before: Job, verdict: Lost | NotAccepted) -> NoReturn:
    jobs.save(tx, before, verdict.job)
    if isinstance(verdict, Lost):
        raise lease_lost(verdict.reason)
    raise ProblemError(ProblemCode.FORBIDDEN, "the offer is not accepted: renew first")


def renew(tx: Transaction, caller: Caller, report: Report) -> RenewedLease:
    agent = agents.current(tx, caller.agent_id, caller.boot_id)
    job = find(tx, caller.agent_id, caller.lease_id)
    after = _settle(tx, job, moves.renew(job, caller.lease_id, report, tx.now, tx.numbers))
    directive, reason = agent.order
    return RenewedLease(after, directive, reason)


def touch(tx: Transaction, caller: Caller) -> tuple[Job, Lease]:
    """Every artifact call: revives a lease that ran out, refuses one that is over."""
    job = _job_of(tx, caller)
    after = _settle(tx, job, moves.touch(job, caller.lease_id, tx.now, tx.numbers))
    return after, after.lease(caller.lease_id)


def release(tx: Transaction, caller: Caller, said: Release) -> Job:
    job = _job_of(tx, caller)
    retry_after = min(said.retry_after_s or 0.0, LONGEST_REST_S)
    after = moves.release(job, caller.lease_id, said.reason, retry_after, tx.now, tx.numbers)
    return _settle(tx, job, after)


def fail(tx: Transaction, caller: Caller, said: Fail) -> Job:
    job = _job_of(tx, caller)
    failure = Failure(said.code, said.message, said.retryable)
    return _settle(tx, job, moves.fail(job, caller.lease_id, failure, tx.now, tx.numbers))


def complete(tx: Transaction, caller: Caller, said: Complete) -> Completed:
    """Checked against what lies on disk first; the same lease and manifest again is 200."""
    job = _job_of(tx, caller)
    lease = job.lease(caller.lease_id)
    manifest = _as_json(said.manifest)
    if lease.phase is Phase.COMPLETED:
        if manifest == load_result(tx, job)[0]:
            return Completed(job, ())
        raise lease_lost(LostReason.COMPLETED)
    touched = _settle(tx, job, moves.touch(job, caller.lease_id, tx.now, tx.numbers))
    _check_artifacts(tx, touched, lease, said.manifest)
    after = moves.complete(touched, caller.lease_id, tx.now, tx.numbers)
    note_result(tx, job.job_id, said.manifest, said.summary, said.metrics)
    done = _settle(tx, touched, after)
    return Completed(done, drop_the_rest(tx, done, lease, said.manifest))


def note_result(
    tx: Transaction,
    job_id: JobId,
    manifest: tuple[ManifestLine, ...],
    summary: JsonObject,
    metrics: JsonObject,
) -> None:
    tx.db.execute(
        "UPDATE jobs SET manifest = ?, summary = ?, metrics = ? WHERE job_id = ?",
        (_as_json(manifest), json.dumps(summary), json.dumps(metrics), job_id),
    )


def _as_json(manifest: tuple[ManifestLine, ...]) -> str:
    return json.dumps([line.model_dump() for line in manifest])


def drop_origin(tx: Transaction, job: Job, lease: Lease) -> tuple[Upload, ...]:
    """Files of an attempt that came too late."""
    dropped = tuple(uploads.of_origin(tx, job.job_id, lease.origin))
    for upload in dropped:
        uploads.delete(tx, upload)
    return dropped


def drop_the_rest(
    tx: Transaction, job: Job, lease: Lease, manifest: tuple[ManifestLine, ...]
) -> tuple[Upload, ...]:
    """Of other attempts, or not named: nobody can ask for them any more."""
    named = {(lease.origin, line.name) for line in manifest}
    dropped = tuple(
        upload
        for upload in uploads.of_job(tx, job.job_id)
        if not upload.is_input and (upload.origin, upload.name) not in named
    )
    for upload in dropped:
        uploads.delete(tx, upload)
    return dropped


def load_result(tx: Transaction, job: Job) -> tuple[str, str, str]:
    """Manifest, summary and metrics, in JSON."""
    row = tx.db.execute(
        "SELECT manifest, summary, metrics FROM jobs WHERE job_id = ?", (job.job_id,)
    ).fetchone()
    return row[0], row[1], row[2]


def _check_artifacts(
    tx: Transaction, job: Job, lease: Lease, manifest: tuple[ManifestLine, ...]
) -> None:
    there = {upload.name: upload for upload in uploads.of_origin(tx, job.job_id, lease.origin)}
    missing = [
        line.name for line in manifest if line.name not in there or not there[line.name].is_done
    ]
    if missing:
        raise artifacts_refused(ProblemCode.ARTIFACT_MISSING, missing)
    wrong = [
        line.name
        for line in manifest
        if (there[line.name].length, there[line.name].sha256) != (line.size, line.sha256)
    ]
    if wrong:
        raise artifacts_refused(ProblemCode.ARTIFACT_MISMATCH, wrong)


def readable_input(tx: Transaction, agent_id: AgentId, lease_id: LeaseId) -> Granted:
    """For the download: reading revives nothing, and is refused once the lease is over."""
    job = find(tx, agent_id, lease_id)
    verdict = moves.touch(job, lease_id, tx.now, tx.numbers)
    if not isinstance(verdict, Job):
        _refuse(tx, job, verdict)
    return jobs.granted(tx, job, job.lease(lease_id))
