"""`jobs --held`: what the agent on this box holds, without asking any server."""

import sys
from pathlib import Path

from pydantic_core import to_json
from rich.console import Console
from rich.table import Column, Table

from agent.cli.durations import in_time
from agent.cli.status import looked
from agent.edges.display import printable
from agent.model.snapshot import HeldLine

WIDE = 200


def list_held(spool: Path, *, as_json: bool) -> None:
    held = looked(spool).held
    if as_json:
        print(to_json(held, indent=2).decode())
    elif not held:
        print("it holds no job")
    else:
        # A program that reads it wants whole lines.
        width = None if sys.stdout.isatty() else WIDE
        Console(markup=False, highlight=False, width=width).print(table_of(held))


def table_of(held: tuple[HeldLine, ...]) -> Table:
    whole = Column("job", no_wrap=True)
    table = Table(whole, "type", "attempt", "stage", "held for", "file", box=None)
    for job in held:
        stage = f"{job.stage} {job.progress:.0%}"
        cells = (job.job_id, job.content_type, str(job.attempt), stage, in_time(job.held_for))
        table.add_row(*map(printable, (*cells, job.filename)))
    return table
