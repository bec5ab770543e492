"""`ledger`: what the jobs have cost this box, also while the agent runs."""

import csv
import json
import re
import sys
from argparse import ArgumentParser
from collections.abc import Iterator, Sequence
from datetime import date, datetime, timedelta
from typing import TYPE_CHECKING

from agent.cli.exit_codes import ExitCode, UsageError
from agent.cli.verbs import Call
from agent.config import ledger_file
from agent.edges.display import printable
from agent.edges.ledger import COSTS
from agent.edges.ledger_report import LedgerReport, Line, report

if TYPE_CHECKING:
    from rich.table import Table

_DAYS = re.compile(r"([0-9]{1,5})d")
JOULES_PER_KWH = 3.6e6
HOUR = 3600.0
BAD = ("failed", "lost")
UNITS = {
    **dict.fromkeys(("downloading", "queued", "processing", "uploading", "gpu"), "s"),
    "joules": "",
    **dict.fromkeys(("received", "sent", "size"), "bytes"),
}


def add_arguments(parser: ArgumentParser) -> None:
    parser.add_argument("--since", metavar="WHEN", help="from this day on: 2026-11-01, or 7d back")
    parser.add_argument(
        "--by", choices=("day", "month", "job"), default="day", help="one line for each (day)"
    )
    forms = parser.add_mutually_exclusive_group()
    forms.add_argument("--csv", action="store_true", help="for spreadsheets, in seconds and bytes")
    forms.add_argument("--json", action="store_true", help="for programs, likewise")


def run(call: Call) -> int:
    given = call.arguments
    file = ledger_file(call.loaded.settings)
    found = report(file, given.by, moment(given.since))
    if given.csv:
        _write_csv(found)
    elif given.json:
        print(json.dumps(_as_json(found), indent=2))
    elif found.lines:
        _show(_table(found, by_job=given.by == "job"))
        _tell_limits(found, by_job=given.by == "job")
    else:
        print(f"no jobs in {printable(str(file))}")
    return ExitCode.OK


def moment(since: str | None) -> float:
    """Midnight at the beginning of that day, by this box's clock, in seconds since 1970."""
    if since is None:
        return 0.0
    try:
        if days := _DAYS.fullmatch(since):
            day = datetime.now().astimezone().date() - timedelta(days=int(days[1]))
        else:
            day = date.fromisoformat(since)
        return datetime(day.year, day.month, day.day).astimezone().timestamp()
    except (ValueError, OverflowError) as error:
        raise UsageError(f"--since {since}: give a day, 2026-11-01, or days back, 7d") from error


def _fields(line: Line) -> dict[str, object]:
    """For programs: plain numbers, their units in their names; None where nobody knows."""
    spent = {name: getattr(line.spent, name) for name in COSTS} | {"size": line.size}
    return {
        "when": line.when,
        "job_id": line.job_id,
        "content_type": line.content_type,
        "outcome": next(iter(line.outcomes)) if line.job_id else "",
        "jobs": line.jobs,
        **{
            f"{'result' if name == 'size' else name}{unit and '_' + unit}": _rounded(spent[name])
            for name, unit in UNITS.items()
        },
    }


def _rounded(value: object) -> object:
    return round(value, 3) if isinstance(value, float) else value


def _write_csv(found: LedgerReport) -> None:
    """No total: whoever reads it can add up, and must not add the total too."""
    writer = csv.DictWriter(sys.stdout, list(_fields(Line(when=""))))
    writer.writeheader()
    writer.writerows(map(_fields, found.lines))


def _as_json(found: LedgerReport) -> dict[str, object]:
    return {
        "lines": [{**_fields(line), "outcomes": line.outcomes} for line in found.lines],
        "total": {**_fields(found.total), "outcomes": found.total.outcomes},
    }


def _table(found: LedgerReport, *, by_job: bool) -> "Table":
    from rich.table import Table

    what = ("job", "type", "outcome") if by_job else ("jobs", "completed", "failed", "other")
    table = Table("when", *what, box=None, show_footer=False)
    for name in ("computing", "on GPU", "kWh", "in", "out", "results"):
        table.add_column(name, justify="right")
    for line in (*found.lines, found.total):
        table.add_row(*map(printable, (line.when, *_what(line, by_job=by_job), *_costs(line))))
    return table


def _what(line: Line, *, by_job: bool) -> Sequence[str]:
    if by_job:
        outcome = ", ".join(line.outcomes) if line.job_id else f"{line.jobs} jobs"
        return line.job_id, line.content_type, outcome
    completed = line.outcomes.get("completed", 0)
    bad = sum(line.outcomes.get(outcome, 0) for outcome in BAD)
    return tuple(map(str, (line.jobs, completed, bad, line.jobs - completed - bad)))


def _costs(line: Line) -> Iterator[str]:
    spent = line.spent
    yield _duration(spent.processing)
    yield _duration(spent.gpu)
    yield "?" if spent.joules is None else f"{spent.joules / JOULES_PER_KWH:.3f}"
    yield from map(_size, (spent.received, spent.sent, line.size))


def _duration(seconds: float) -> str:
    return f"{seconds / HOUR:.2f} h" if seconds >= HOUR else f"{seconds:.1f} s"


def _size(size: float) -> str:
    for name, unit in (("GB", 1e9), ("MB", 1e6), ("kB", 1e3)):
        if size >= unit:
            return f"{size / unit:.1f} {name}"
    return f"{size:.0f} B"


def _tell_limits(found: LedgerReport, *, by_job: bool) -> None:
    if by_job and found.summed_until is not None:
        print(
            f"jobs until {found.summed_until} are kept as sums of each day: see --by day",
            file=sys.stderr,
        )


def _show(table: "Table") -> None:
    from rich.console import Console

    width = None if sys.stdout.isatty() else 200
    Console(markup=False, highlight=False, width=width).print(table)
