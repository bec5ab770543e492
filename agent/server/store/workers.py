"""Workers that have registered in MoRAG's drafted way; their registration outlives a restart."""

from dataclasses import dataclass

from agent.model.ids import AgentId
from agent.server.problems import ProblemError
from agent.server.queue.plain import MARK, NAME_AT, Worker
from agent.server.queue.values import Moment
from agent.server.store import agents
from agent.server.store.transaction import Transaction
from agent.wire.morag_workers import WorkerRegistration
from agent.wire.problems import ProblemCode


@dataclass(frozen=True, slots=True)
class RegisteredWorker:
    worker: Worker
    registration: WorkerRegistration
    registered_at: Moment


@dataclass(frozen=True, slots=True)
class Tally:
    """What a worker holds and has done, of the jobs that are still kept."""

    held: int = 0
    completed: int = 0
    failed: int = 0
    mean_s: float = 0.0


def register(tx: Transaction, worker: Worker, registration: WorkerRegistration) -> None:
    """Again: the later one counts. A name belongs to the token that came with it first."""
    check_name(tx, worker)
    tx.db.execute(
        "INSERT OR REPLACE INTO morag_workers VALUES (?, ?, ?, ?)",
        (worker.name, worker.agent_id, registration.model_dump_json(), tx.now),
    )


def check_name(tx: Transaction, worker: Worker) -> None:
    before = find(tx, worker.name)
    is_anothers_agent = worker.name != worker.agent_id and agents.find(tx, worker.name) is not None
    if is_anothers_agent or (before is not None and before.worker.agent_id != worker.agent_id):
        raise ProblemError(ProblemCode.FORBIDDEN, "another worker has this id")


def find(tx: Transaction, worker_id: str) -> RegisteredWorker | None:
    row = tx.db.execute("SELECT * FROM morag_workers WHERE worker_id = ?", (worker_id,)).fetchone()
    if row is None:
        return None
    return RegisteredWorker(
        Worker(AgentId(row["agent_id"]), worker_id),
        WorkerRegistration.model_validate_json(row["registration"]),
        Moment(row["registered_at"]),
    )


def every(tx: Transaction) -> list[RegisteredWorker]:
    rows = tx.db.execute("SELECT worker_id FROM morag_workers ORDER BY worker_id").fetchall()
    return [found for (worker_id,) in rows if (found := find(tx, worker_id)) is not None]


def remove(tx: Transaction, worker_id: str) -> None:
    tx.db.execute("DELETE FROM morag_workers WHERE worker_id = ?", (worker_id,))


def tallies(tx: Transaction) -> dict[tuple[bool, str], Tally]:
    """By (is it one of MoRAG's?, its name)."""
    rows = tx.db.execute(
        "SELECT boot_id LIKE ?1 AS is_plain,"
        " CASE WHEN boot_id LIKE ?1 THEN substr(boot_id, ?2) ELSE agent_id END AS name,"
        " sum(phase = 'held') AS held, sum(phase = 'completed') AS completed,"
        " sum(phase IN ('failed', 'expired', 'lost')) AS failed,"
        " avg(CASE WHEN phase = 'completed' THEN ended_at - accepted_at END) AS mean_s"
        " FROM leases GROUP BY is_plain, name",
        (f"{MARK}%", NAME_AT + 1),
    ).fetchall()
    return {
        (bool(row["is_plain"]), row["name"]): Tally(
            row["held"], row["completed"], row["failed"], row["mean_s"] or 0.0
        )
        for row in rows
    }
