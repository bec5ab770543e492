"""`jobs`: the list, one job in full, and what can be done to it."""

import sys
from argparse import ArgumentParser
from collections.abc import Sequence
from typing import TYPE_CHECKING

from agent.cli.clients import with_client
from agent.cli.exit_codes import ExitCode, UsageError
from agent.cli.inputs import whole_number
from agent.cli.verbs import Call
from agent.edges.display import printable
from agent.edges.jobs_client import JobsClient
from agent.model.ids import JobId
from agent.wire.jobs import AttemptInfo, JobInfo, JobList, JobState

if TYPE_CHECKING:
    from rich.table import Table

MOST_JOBS = 1_000_000


def add_arguments(parser: ArgumentParser) -> None:
    parser.add_argument("job_id", nargs="?", metavar="ID", help="show this job in full")
    parser.add_argument("--state", choices=[state.value for state in JobState], help="only these")
    parser.add_argument(
        "--limit",
        type=whole_number(1, MOST_JOBS),
        default=50,
        help="the newest N (50)",
        metavar="N",
    )
    parser.add_argument("--json", action="store_true", help="for programs")
    parser.add_argument(
        "--held", action="store_true", help="those that the agent on this box holds, asked of it"
    )
    deeds = parser.add_mutually_exclusive_group()
    deeds.add_argument("--cancel", action="store_true", help="stop the job ID")
    deeds.add_argument("--retry", action="store_true", help="queue the ended job ID again")
    deeds.add_argument("--remove", action="store_true", help="remove the ended job ID, files too")


def run(call: Call) -> int:
    given = call.arguments
    if given.held:
        return _held(call)
    if given.job_id is None:
        if given.cancel or given.retry or given.remove:
            raise UsageError("name the job: python -m agent jobs ID --cancel")
        return _list(call)
    return _one(call, JobId(given.job_id))


def _held(call: Call) -> int:
    from agent.cli.held import list_held

    given = call.arguments
    if given.job_id is not None or given.state is not None:
        raise UsageError("--held lists all that this box holds: leave out the id and --state")
    list_held(call.loaded.settings.spool, as_json=given.json)
    return ExitCode.OK


def _list(call: Call) -> int:
    given = call.arguments
    jobs = with_client(
        call.loaded.settings, lambda client: client.jobs(state=given.state, limit=given.limit)
    )
    if given.json:
        print(JobList(jobs=jobs).model_dump_json(indent=2))
    elif jobs:
        _show(_job_table(jobs))
    else:
        print("no jobs")
    return ExitCode.OK


def _one(call: Call, job_id: JobId) -> int:
    given = call.arguments

    async def talk(client: JobsClient) -> JobInfo | None:
        if given.cancel:
            await client.cancel(job_id)
        elif given.retry:
            await client.retry(job_id)
        elif given.remove:
            await client.remove(job_id)
            return None
        return await client.job(job_id)

    job = with_client(call.loaded.settings, talk)
    if job is None:
        print(f"{job_id} is removed")
    elif given.json:
        print(job.model_dump_json(indent=2))
    else:
        _tell(job)
    return ExitCode.OK


def _tell(job: JobInfo) -> None:
    why = f": {job.code}: {job.message}" if job.code else ""
    for line in (
        f"job       {job.job_id}",
        f"file      {job.filename} ({job.content_type}, {_size(job.size)})",
        f"state     {job.state}{why}",
        f"queue     {job.queue}, priority {job.priority}",
        f"created   {job.created_at}, changed {job.updated_at}",
        *(f"artifact  {line.name} ({_size(line.size)})" for line in job.artifacts),
    ):
        print(printable(line))
    if job.attempts:
        _show(_attempt_table(job.attempts))


def _job_table(jobs: Sequence[JobInfo]) -> "Table":
    from rich.table import Table

    table = Table("job", "state", "type", "attempt", "stage", "file", "created", box=None)
    for job in jobs:
        last = job.attempts[-1] if job.attempts else None
        attempt = f"{last.number}/{job.max_attempts}" if last else f"0/{job.max_attempts}"
        stage = _stage(last) if last and last.outcome is None else job.code or ""
        cells = (job.job_id, job.state, job.content_type, attempt, stage, job.filename)
        table.add_row(*map(printable, (*cells, job.created_at)))
    return table


def _attempt_table(attempts: Sequence[AttemptInfo]) -> "Table":
    from rich.table import Table

    table = Table("attempt", "agent", "outcome", "stage", "accepted", "ended", "why", box=None)
    for one in attempts:
        cells = (
            str(one.number),
            one.agent_id,
            one.outcome or "running",
            _stage(one),
            one.accepted_at or "",
            one.ended_at or "",
            one.code or one.reason or one.message,
        )
        table.add_row(*map(printable, cells))
    return table


def _stage(attempt: AttemptInfo) -> str:
    if attempt.stage is None:
        return ""
    return attempt.stage if attempt.progress is None else f"{attempt.stage} {attempt.progress:.0%}"


def _size(size: int | None) -> str:
    return "size unknown" if size is None else f"{size:,} bytes"


def _show(table: "Table") -> None:
    from rich.console import Console

    # File names are the users': no markup in them, and no line is cut where a program reads it.
    width = None if sys.stdout.isatty() else 200
    Console(markup=False, highlight=False, width=width).print(table)
