"""Jobs for polls: the waiting jobs of the kinds that are asked for, in order, a few at a time."""

import heapq
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence

from agent.model.ids import AgentId, JobId, LeaseId
from agent.server.queue import agents as moves
from agent.server.queue.choice import Seeker, Sighting, first_match, queue_rank, why_skipped
from agent.server.queue.values import Phase
from agent.server.store import jobs
from agent.server.store.jobs import Granted
from agent.server.store.transaction import Transaction, new_lease_id

LOOK_AT = 300
"""Jobs of one kind that a single look goes through. Those at the head that nobody may have (they
failed here, they rest) are few; a busy queue is looked at again with the next poll."""
EXPLAIN = 100
"""Jobs that are looked at to say why they were not offered."""


def match(
    tx: Transaction, seekers: Sequence[Seeker], fleet: Sequence[Sighting]
) -> dict[AgentId, Granted]:
    """An offer for as many of the polls as possible, each saved; first come, first served."""
    granted = _standing(tx, seekers)
    waiting = [seeker for seeker in seekers if seeker.agent_id not in granted]
    for job_id in _candidates(tx, waiting):
        if not waiting:
            break
        job = jobs.load(tx, job_id)
        if job is None:
            continue
        seeker = first_match(job, waiting, fleet, tx.now, tx.numbers)
        if seeker is None:
            continue
        offered = moves.offer(job, seeker.asker, new_lease_id(), tx.now, tx.numbers)
        jobs.save(tx, job, offered)
        if offered.live is not None:
            granted[seeker.agent_id] = jobs.granted(tx, offered, offered.live)
        waiting.remove(seeker)
    return granted


def _standing(tx: Transaction, seekers: Sequence[Seeker]) -> dict[AgentId, Granted]:
    """An unaccepted offer is returned again: the answer that carried it may be lost."""
    rows = tx.db.execute(
        "SELECT lease_id, agent_id, boot_id FROM leases WHERE phase = 'offered'"
    ).fetchall()
    by_boot = {(seeker.agent_id, seeker.boot_id): seeker for seeker in seekers if rows}
    granted: dict[AgentId, Granted] = {}
    for row in rows:
        seeker = by_boot.get((row["agent_id"], row["boot_id"]))
        lease_id = LeaseId(row["lease_id"])
        job = None if seeker is None else jobs.load_by_lease(tx, lease_id)
        if seeker is not None and job is not None:
            granted[seeker.agent_id] = jobs.granted(tx, job, job.lease(lease_id))
    return granted


def withdraw(tx: Transaction, lease_id: LeaseId) -> None:
    """The connection that the offer was for has gone."""
    job = jobs.load_by_lease(tx, lease_id)
    if job is not None:
        jobs.save(tx, job, moves.withdraw(job, lease_id, tx.now))


def was_answered(tx: Transaction, agent_id: AgentId, request_id: str) -> bool:
    """Its offer has been accepted, or has run out: the same request never makes another."""
    row = tx.db.execute(
        "SELECT 1 FROM leases WHERE agent_id = ? AND request_id = ? AND phase != ? LIMIT 1",
        (agent_id, request_id, Phase.OFFERED),
    ).fetchone()
    return row is not None


def skipped(tx: Transaction, seeker: Seeker, fleet: Sequence[Sighting]) -> dict[str, int]:
    """Why waiting jobs were not offered: reason -> number of jobs, up to `EXPLAIN` looked at."""
    reasons: Counter[str] = Counter()
    for queue, content_type in _kinds(tx):
        rows = tx.db.execute(
            "SELECT job_id FROM jobs WHERE state = 'queued' AND queue = ? AND content_type = ?"
            " ORDER BY priority DESC, seq LIMIT ?",
            (queue, content_type, EXPLAIN),
        ).fetchall()
        if not seeker.serves_queue(queue):
            reasons["queue"] += len(rows)
        elif content_type not in seeker.content_types:
            reasons["content_type"] += len(rows)
        else:
            reasons.update(_reasons(tx, [JobId(r[0]) for r in rows], seeker, fleet))
    return {reason: count for reason, count in reasons.items() if count}


def _reasons(
    tx: Transaction, job_ids: Iterable[JobId], seeker: Seeker, fleet: Sequence[Sighting]
) -> Iterator[str]:
    for job_id in job_ids:
        job = jobs.load(tx, job_id)
        skip = job and why_skipped(job, seeker, fleet, tx.now, tx.numbers)
        if skip:
            yield skip


def _kinds(tx: Transaction) -> list[tuple[str, str]]:
    """The few pairs of queue and content type that were ever submitted."""
    return [(q, c) for q, c in tx.db.execute("SELECT queue, content_type FROM kinds").fetchall()]


def _candidates(tx: Transaction, seekers: Sequence[Seeker]) -> Iterator[JobId]:
    lines = [
        _waiting(tx, kind, max_size)
        for kind in _kinds(tx)
        if (max_size := _largest(kind, seekers)) is not None
    ]
    for _rank, _priority, _seq, job_id in heapq.merge(*lines):
        yield JobId(job_id)


def _largest(kind: tuple[str, str], seekers: Iterable[Seeker]) -> int | None:
    """The largest input that any poll for this kind takes; None if nobody serves it."""
    queue, content_type = kind
    unlimited = 2**63 - 1
    return max(
        (
            unlimited if seeker.max_input_bytes is None else seeker.max_input_bytes
            for seeker in seekers
            if content_type in seeker.content_types and seeker.serves_queue(queue)
        ),
        default=None,
    )


def _waiting(
    tx: Transaction, kind: tuple[str, str], max_size: int
) -> list[tuple[int, int, int, str]]:
    queue, content_type = kind
    rows = tx.db.execute(
        "SELECT priority, seq, job_id FROM jobs WHERE state = 'queued' AND queue = ?"
        " AND content_type = ? AND not_before <= ? AND doomed_at IS NULL"
        " AND coalesce(size, 0) <= ? ORDER BY priority DESC, seq LIMIT ?",
        (queue, content_type, tx.now, max_size, LOOK_AT),
    )
    rank = queue_rank(queue)
    return [(rank, -row["priority"], row["seq"], row["job_id"]) for row in rows.fetchall()]
