"""`jobs --held`: what the agent on this box holds, without asking any server."""

from pathlib import Path

from pydantic_core import to_json
from rich.table import Table

from agent.cli.durations import in_time
from agent.cli.status import console_on, looked
from agent.edges.display import printable
from agent.model.snapshot import HeldLine


def list_held(spool: Path, *, as_json: bool) -> None:
    held = looked(spool).held
    if as_json:
        print(to_json(held, indent=2).decode())
    elif not held:
        print("it holds no job")
    else:
        console_on().print(table_of(held))


def table_of(held: tuple[HeldLine, ...]) -> Table:
    table = Table("job", "type", "attempt", "stage", "held for", "file", box=None)
    for job in held:
        stage = f"{job.stage} {job.progress:.0%}"
        cells = (job.job_id, job.content_type, str(job.attempt), stage, in_time(job.held_for))
        table.add_row(*map(printable, (*cells, job.filename)))
    return table
