"""What the passing of time asks of the tables: deadlines, a restart, the next moment to look."""

from dataclasses import dataclass

from agent.model.ids import JobId
from agent.server.queue import plain, time
from agent.server.queue.values import Moment, Phase
from agent.server.store import jobs
from agent.server.store.transaction import Transaction

DEADLINES = (("jobs", "not_before"), ("jobs", "doomed_at"), ("rests", "until"))


@dataclass(frozen=True, slots=True)
class Swept:
    leases_expired: int
    offers_lapsed: int
    next_due: Moment | None


def start(tx: Transaction) -> None:
    """Time that the server was down never counts, and a clock set in between does no harm.

    Deadlines move by the time between the last sign of life and now; every live offer and lease
    begins anew with a full lease; that of a worker which renews nothing goes on where it was.
    """
    row = tx.db.execute("SELECT value FROM meta WHERE name = 'alive_at'").fetchone()
    away = 0.0 if row is None else tx.now - row["value"]
    for table, column in DEADLINES:
        tx.db.execute(
            f"UPDATE {table} SET {column} = {column} + ? WHERE {column} > 0",  # noqa: S608 - our own names
            (away,),
        )
    # The same for an input that is still on its way: its sender could not go on either.
    tx.db.execute("UPDATE jobs SET updated_at = updated_at + ? WHERE state = 'created'", (away,))
    tx.db.execute(
        "UPDATE leases SET until = CASE WHEN boot_id LIKE ?1 THEN max(?2, until + ?3) ELSE ?2 END"
        " WHERE phase IN ('offered', 'held')",
        (f"{plain.MARK}%", tx.now + tx.numbers.lease_ttl_s, away),
    )
    # Whoever starts the server again may just have mended what takes the results.
    tx.db.execute("UPDATE morag_jobs SET due_at = ? WHERE due_at IS NOT NULL", (tx.now,))
    note_alive(tx)


def note_alive(tx: Transaction) -> None:
    tx.db.execute("INSERT OR REPLACE INTO meta VALUES ('alive_at', ?)", (tx.now,))


def sweep(tx: Transaction) -> Swept:
    """Everything that is due by now, and when to look again."""
    rows = tx.db.execute(
        "SELECT job_id, phase FROM leases WHERE phase IN ('offered', 'held') AND until <= ?1"
        " UNION ALL SELECT job_id, '' FROM jobs WHERE doomed_at <= ?1",
        (tx.now,),
    ).fetchall()
    for row in rows:
        job = jobs.load(tx, row["job_id"])
        if job is not None:
            jobs.save(tx, job, time.expire(job, tx.now, tx.numbers))
    phases = [row["phase"] for row in rows]
    return Swept(phases.count(Phase.HELD), phases.count(Phase.OFFERED), _next_due(tx))


def _next_due(tx: Transaction) -> Moment | None:
    (due,) = tx.db.execute(
        "SELECT min(moment) FROM ("
        " SELECT min(until) AS moment FROM leases WHERE phase IN ('offered', 'held')"
        " UNION ALL SELECT min(doomed_at) FROM jobs WHERE doomed_at IS NOT NULL"
        " UNION ALL SELECT min(not_before) FROM jobs WHERE state = 'queued' AND not_before > ?)",
        (tx.now,),
    ).fetchone()
    return None if due is None else Moment(due)


def has_waiting(tx: Transaction) -> bool:
    row = tx.db.execute(
        "SELECT 1 FROM jobs WHERE state = 'queued' AND not_before <= ? AND doomed_at IS NULL"
        " LIMIT 1",
        (tx.now,),
    ).fetchone()
    return row is not None


def known_jobs(tx: Transaction) -> frozenset[JobId]:
    rows = tx.db.execute("SELECT job_id FROM jobs").fetchall()
    return frozenset(JobId(job_id) for (job_id,) in rows)
