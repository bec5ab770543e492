"""The ledger on disk: what every job has cost this box, for years, in a few megabytes.

One row a job; while it is held its row grows and has no outcome yet, so that `kill -9` loses at
most what was not booked yet, and the start that goes on with the job goes on with its row. Rows
that are old enough become sums for each day. A thread of its own writes: a disk that hangs holds
no job up.
"""

import os
import time
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, fields
from pathlib import Path
from typing import TYPE_CHECKING

import structlog

from agent.model.ids import Bytes, JobId, Seconds

if TYPE_CHECKING:
    # It costs 1.5 MB, and an idle agent has nothing to write.
    import sqlite3

DAY = 86400.0
MOST_ROWS = 200_000
"""Jobs with a row of their own, whatever their age: some 30 MB."""
PATIENCE = 10.0
"""Seconds that one process waits for another one that writes."""
_log = structlog.get_logger(__name__)


@dataclass(slots=True, kw_only=True)
class Spent:
    """What a job has cost; adds up over the starts that worked for it."""

    downloading: float = 0.0
    """Seconds in each stage."""
    queued: float = 0.0
    processing: float = 0.0
    uploading: float = 0.0
    gpu: float = 0.0
    """Seconds on a GPU."""
    joules: float | None = None
    """Drawn by its GPU meanwhile; None: no card has told."""
    received: Bytes = Bytes(0)  # noqa: RUF009 - a number
    sent: Bytes = Bytes(0)  # noqa: RUF009


COSTS = tuple(one.name for one in fields(Spent))
_COST_COLUMNS = ", ".join(f"{name} NUMERIC" for name in COSTS)
_SCHEMA = f"""
CREATE TABLE IF NOT EXISTS job (
    job_id TEXT NOT NULL, content_type TEXT NOT NULL, began REAL NOT NULL, ended REAL NOT NULL,
    outcome TEXT, size INTEGER, {_COST_COLUMNS}
);
CREATE UNIQUE INDEX IF NOT EXISTS open_job ON job (job_id) WHERE outcome IS NULL;
CREATE INDEX IF NOT EXISTS ended_job ON job (ended);
CREATE TABLE IF NOT EXISTS day (
    day TEXT NOT NULL, content_type TEXT NOT NULL, outcome TEXT NOT NULL, jobs INTEGER NOT NULL,
    size INTEGER, {_COST_COLUMNS}
);
"""
_OPEN_ROW = f"""
INSERT INTO job (job_id, content_type, began, ended, {", ".join(COSTS)})
VALUES (:job_id, :content_type, :at, :at, {", ".join(f":{name}" for name in COSTS)})
ON CONFLICT (job_id) WHERE outcome IS NULL DO UPDATE SET ended = excluded.ended, {
    ", ".join(
        f"{name} = CASE WHEN excluded.{name} IS NULL THEN {name}"
        f" ELSE COALESCE({name}, 0) + excluded.{name} END"
        for name in COSTS
    )
}
"""  # noqa: S608 (names of our own)
_SUMS = ", ".join(f"SUM({name})" for name in ("size", *COSTS))
_FOLD = f"""
INSERT INTO day (day, content_type, outcome, jobs, size, {", ".join(COSTS)})
SELECT date(ended, 'unixepoch', 'localtime') AS of_day, content_type, COALESCE(outcome, 'lost'),
       COUNT(*), {_SUMS}
FROM job WHERE ended < :before GROUP BY of_day, content_type, COALESCE(outcome, 'lost')
"""  # noqa: S608
_CROWD = f"SELECT (SELECT ended FROM job ORDER BY ended DESC LIMIT 1 OFFSET {MOST_ROWS})"  # noqa: S608


class DiskLedger:
    """Never raises: a job that could not be booked is told in the log, and is done all the same."""

    def __init__(self, path: Path, *, keep: Seconds, wall: Callable[[], float] = time.time) -> None:
        """`keep`: how long each job has a row of its own."""
        self._path = path
        self._keep = keep
        self._wall = wall
        self._writer = ThreadPoolExecutor(1, thread_name_prefix="ledger")
        self._database: sqlite3.Connection | None = None
        self._folded_at = 0.0

    def book(self, job_id: JobId, content_type: str, spent: Spent) -> None:
        """Add to the row of a job that is held."""
        row = {name: getattr(spent, name) for name in COSTS}
        row |= {"job_id": job_id, "content_type": content_type, "at": self._wall()}
        self._writer.submit(self._write, _OPEN_ROW, row)

    def end(self, job_id: JobId, outcome: str, size: Bytes | None) -> None:
        """The job is over. One that has no open row was never held."""
        row = {"job_id": job_id, "outcome": outcome, "size": size, "at": self._wall()}
        self._writer.submit(
            self._write,
            "UPDATE job SET outcome = :outcome, size = :size, ended = :at"
            " WHERE job_id = :job_id AND outcome IS NULL",
            row,
        )

    def close(self) -> None:
        """Returns when everything is on disk."""
        self._writer.submit(self._close)
        self._writer.shutdown()

    def _write(self, sql: str, row: Mapping[str, object]) -> None:
        import sqlite3

        try:
            if self._database is None:
                self._database = _opened(self._path)
            with self._database:
                self._database.execute(sql, row)
            self._fold()
        except (OSError, sqlite3.Error) as error:
            _log.warning("ledger.not_written", path=str(self._path), reason=str(error))

    def _fold(self) -> None:
        """Once a day."""
        now = self._wall()
        if self._database is None or now - self._folded_at < DAY:
            return
        self._folded_at = now
        (crowd,) = self._database.execute(_CROWD).fetchone()
        before = {"before": max(now - self._keep, crowd or 0.0)}
        with self._database:
            self._database.execute(_FOLD, before)
            self._database.execute("DELETE FROM job WHERE ended < :before", before)

    def _close(self) -> None:
        if self._database is not None:
            self._database.close()


def _opened(path: Path) -> "sqlite3.Connection":
    import sqlite3

    path.parent.mkdir(parents=True, exist_ok=True)
    try:
        return connect(path)
    except sqlite3.OperationalError:
        raise  # busy, full or read-only: the file itself is sound
    except sqlite3.DatabaseError as error:
        aside = path.with_name(f"{path.name}.damaged-{time.time_ns()}")
        path.rename(aside)
        _log.warning("ledger.set_aside", path=str(aside), reason=str(error))
        return connect(path)


def connect(path: Path) -> "sqlite3.Connection":
    """The ledger in this file, which is made where it is not there."""
    import sqlite3

    os.close(os.open(path, os.O_CREAT | os.O_WRONLY, 0o600))
    database = sqlite3.connect(path, timeout=PATIENCE)
    try:
        database.executescript(_SCHEMA)
    except sqlite3.Error:
        database.close()
        raise
    return database
