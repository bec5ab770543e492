"""What the ledger says, summed up: by day, by month, or job by job."""

from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal, TypeAlias

from agent.edges.ledger import COSTS, Spent, connect
from agent.model.errors import SpoolError
from agent.model.ids import Bytes

Step: TypeAlias = Literal["day", "month", "job"]
HELD = "held"
"""The outcome of a job that has none yet."""
_LENGTH = {"day": len("2026-11-01"), "month": len("2026-11")}
_WANTED = ", ".join(("size", *COSTS))
_SUMS = ", ".join(f"SUM({name})" for name in ("size", *COSTS))
_JOBS = f"""
SELECT datetime(ended, 'unixepoch', 'localtime'), job_id, content_type,
       COALESCE(outcome, '{HELD}'), 1, {_WANTED}
FROM job WHERE ended >= :since ORDER BY ended, job_id
"""  # noqa: S608 (names of our own)
_PERIODS = f"""
SELECT substr(of_day, 1, :length) AS period, '', '', outcome, SUM(jobs), {_SUMS} FROM (
    SELECT date(ended, 'unixepoch', 'localtime') AS of_day, COALESCE(outcome, '{HELD}') AS outcome,
           1 AS jobs, {_WANTED} FROM job WHERE ended >= :since
    UNION ALL
    SELECT day, outcome, jobs, {_WANTED} FROM day
    WHERE day >= date(:since, 'unixepoch', 'localtime')
) GROUP BY period, outcome ORDER BY period
"""  # noqa: S608
_OLDEST = "SELECT MAX(day) FROM day WHERE day >= date(:since, 'unixepoch', 'localtime')"


@dataclass(slots=True, kw_only=True)
class Line:
    """One job, or the jobs of one period together."""

    when: str
    """`2026-11-01`, `2026-11`, or a job's end, by the clock on this box's wall."""
    job_id: str = ""
    content_type: str = ""
    outcomes: dict[str, int] = field(default_factory=dict[str, int])
    """How many ended how."""
    size: Bytes = Bytes(0)  # noqa: RUF009 - a number
    """Of all results."""
    spent: Spent = field(default_factory=Spent)

    @property
    def jobs(self) -> int:
        return sum(self.outcomes.values())

    def add(self, other: "Line") -> None:
        for outcome, jobs in other.outcomes.items():
            self.outcomes[outcome] = self.outcomes.get(outcome, 0) + jobs
        self.size = Bytes(self.size + other.size)
        for name in COSTS:
            more = getattr(other.spent, name)
            if more is not None:
                setattr(self.spent, name, (getattr(self.spent, name) or 0) + more)


@dataclass(frozen=True, slots=True)
class LedgerReport:
    lines: tuple[Line, ...]
    summed_until: str | None
    """The last day that is known by its sum alone, where single jobs were asked for."""

    @property
    def total(self) -> Line:
        total = Line(when="total")
        for line in self.lines:
            total.add(line)
        return total


def report(path: Path, step: Step, since: float = 0.0) -> LedgerReport:
    """What ended, or still went on, at or after `since` (seconds since 1970).

    Raises `SpoolError`; a ledger that nobody has begun yet is an empty one.
    """
    import sqlite3

    if not path.exists():
        return LedgerReport((), None)
    given = {"since": since, "length": _LENGTH.get(step)}
    try:
        with closing(connect(path)) as database:
            rows = database.execute(_JOBS if step == "job" else _PERIODS, given).fetchall()
            (summed,) = database.execute(_OLDEST, given).fetchone()
    except (OSError, sqlite3.Error) as error:
        raise SpoolError(f"the ledger {path} cannot be read: {error}") from error
    lines = [_line(row) for row in rows]
    return LedgerReport(tuple(lines if step == "job" else _joined(lines)), summed)


def _line(row: Sequence[object]) -> Line:
    when, job_id, content_type, outcome, jobs, size, *costs = row
    return Line(
        when=str(when),
        job_id=str(job_id),
        content_type=str(content_type),
        outcomes={str(outcome): _whole(jobs)},
        size=Bytes(_whole(size)),
        spent=_spent(costs),
    )


def _spent(costs: Sequence[object]) -> Spent:
    spent = Spent()
    for name, value in zip(COSTS, costs, strict=True):
        if isinstance(value, int | float):
            setattr(spent, name, value)
    return spent


def _whole(value: object) -> int:
    return value if isinstance(value, int) else 0


def _joined(lines: Sequence[Line]) -> list[Line]:
    """One for each period, whatever its jobs came to."""
    periods: dict[str, Line] = {}
    for line in lines:
        periods.setdefault(line.when, Line(when=line.when)).add(line)
    return list(periods.values())
