"""What the words of a worker without leases do to a job: MoRAG's own, which takes and brings.

It never renews, so its lease is long, and when that has run out it may still come: it does not know
that it had one. What it brings is worth more than what somebody else has only begun.
"""

import secrets
from dataclasses import dataclass, replace

from agent.model.failures import FailureCode
from agent.model.ids import AgentId, BootId, LeaseId
from agent.model.lease import Stage
from agent.server.queue import agents as moves
from agent.server.queue.agents import Asker, Failure, Report
from agent.server.queue.change import hold
from agent.server.queue.values import Job, Lease, Lost, Moment, NotAccepted, Numbers, Phase
from agent.wire.jobs import JobState

MARK = "morag:"
NAME_AT = len(MARK) + 13
"""Where the worker's own name begins in the boot that it is given."""


@dataclass(frozen=True, slots=True)
class Worker:
    """Whose token it has, and what it calls itself."""

    agent_id: AgentId
    name: str


def new_boot(worker: Worker) -> BootId:
    """A boot for each lease: it revives none, and a job that kills it is counted each time."""
    return BootId(f"{MARK}{secrets.token_hex(6)}:{worker.name}")


def is_plain(lease: Lease) -> bool:
    return lease.boot_id.startswith(MARK)


def worker_name(lease: Lease) -> str:
    """What people know it by: its own word, or the agent's id."""
    return lease.boot_id[NAME_AT:] if is_plain(lease) else lease.agent_id


def newest_of(job: Job, agent_id: AgentId) -> Lease | None:
    """The one that it holds, else the last that it had."""
    theirs = [lease for lease in job.leases if lease.agent_id == agent_id and is_plain(lease)]
    held = [lease for lease in theirs if lease.phase is Phase.HELD]
    return next(iter(held), theirs[-1] if theirs else None)


def grant(
    job: Job, asker: Asker, new_id: LeaseId, now: Moment, numbers: Numbers
) -> tuple[Job, Lease]:
    """Offer and lease in one; `numbers` say how long this kind of job may take."""
    offered = moves.offer(job, asker, new_id, now, numbers)
    held = _whole(moves.renew(offered, new_id, Report(Stage.PROCESSING, 0.0), now, numbers))
    return held, held.lease(new_id)


def prolong(job: Job, lease: Lease, now: Moment, numbers: Numbers) -> Job:
    """Its worker asks after the job, so it is alive; one that is over is not brought back."""
    if lease.phase is not Phase.HELD or job.state is not JobState.LEASED:
        return job
    report = Report(Stage.PROCESSING, lease.progress, lease.message)
    return _whole(moves.renew(job, lease.lease_id, report, now, numbers))


def bring(job: Job, lease: Lease, now: Moment, numbers: Numbers) -> Job:
    """The result is here: whoever else works on the job is told that it is over.

    A job that has ended stays as it is.
    """
    if job.has_ended:
        return job
    held = hold(job, lease, Moment(now + numbers.lease_ttl_s), now)
    return _whole(moves.complete(held, lease.lease_id, now, numbers))


def give_up(job: Job, lease: Lease, message: str, now: Moment, numbers: Numbers) -> Job:
    """Only of the attempt that is under way; others may try what one could not do."""
    if lease.phase is not Phase.HELD:
        return job
    if job.state is JobState.CANCELLED:
        return _whole(moves.release(job, lease.lease_id, "cancelled", 0.0, now, numbers))
    failure = Failure(FailureCode.INTERNAL, message, is_retryable=True)
    return _whole(moves.fail(job, lease.lease_id, failure, now, numbers))


def put_back(job: Job, lease: Lease, now: Moment) -> Job:
    """The worker never heard of its lease."""
    if lease.phase is not Phase.HELD:
        return job
    return moves.give_back(job, lease, "unheard", now)


def lasting(numbers: Numbers, seconds: float) -> Numbers:
    return replace(numbers, lease_ttl_s=seconds)


def _whole(after: Job | Lost | NotAccepted) -> Job:
    assert isinstance(after, Job)  # noqa: S101 - a lease that is held is neither
    return after
