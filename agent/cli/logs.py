"""`logs`: what was logged about one job; read from the spool, whether an agent runs or not."""

import json
import time
from argparse import ArgumentParser
from collections.abc import Iterable
from datetime import datetime
from pathlib import Path

from agent.cli.exit_codes import ExitCode, NoInputError
from agent.cli.verbs import Call
from agent.edges.display import printable
from agent.edges.job_logs import Tail, jobs_known, lines_of

LOOK_EVERY = 0.3
LEAD = ("timestamp", "level", "event", "job_id", "lease_id")
END = "job.ended"


def add_arguments(parser: ArgumentParser) -> None:
    parser.add_argument("job_id", metavar="JOB", help="its id, or how that begins")
    parser.add_argument("--follow", action="store_true", help="go on until the job ends")
    parser.add_argument("--json", action="store_true", help="the lines as they were written")


def run(call: Call) -> int:
    given, spool = call.arguments, call.loaded.settings.spool
    job_id = _named(spool, given.job_id)
    if given.follow:
        return _follow(spool, job_id, as_json=given.json)
    _print(lines_of(spool, job_id), as_json=given.json)
    return ExitCode.OK


def _named(spool: Path, given: str) -> str:
    known = list(dict.fromkeys(jobs_known(spool)))
    fitting = [given] if given in known else [name for name in known if name.startswith(given)]
    match fitting:
        case [job_id]:
            return job_id
        case []:
            raise NoInputError(
                f"the spool {spool} holds no lines about a job {given}: the agent never had it, or"
                " that was long ago"
            )
        case _:
            raise NoInputError(f"{len(fitting)} jobs begin with {given}: {', '.join(fitting[:5])}")


def _follow(spool: Path, job_id: str, *, as_json: bool) -> int:
    tail = Tail(spool, job_id)
    try:
        while True:
            lines = list(tail.more())
            _print(lines, as_json=as_json)
            if any(_fields(line).get("event") == END for line in lines):
                return ExitCode.OK
            time.sleep(LOOK_EVERY)
    except KeyboardInterrupt:
        return ExitCode.OK


def _print(lines: Iterable[str], *, as_json: bool) -> None:
    for line in lines:
        print(line.rstrip("\n") if as_json else printable(in_words(line)), flush=True)


def in_words(line: str) -> str:
    """`12:00:05 info     job.completed artifacts=3`, by the local clock."""
    fields = _fields(line)
    if not fields:
        return line.rstrip("\n")
    rest = " ".join(f"{key}={value}" for key, value in fields.items() if key not in LEAD)
    when = _time_of_day(str(fields.get("timestamp", "")))
    return f"{when} {fields.get('level', '')!s:<8} {fields.get('event', '')} {rest}".rstrip()


def _fields(line: str) -> dict[str, object]:
    try:
        fields = json.loads(line)
    except ValueError:
        return {}
    return fields if isinstance(fields, dict) else {}


def _time_of_day(timestamp: str) -> str:
    try:
        return datetime.fromisoformat(timestamp).astimezone().strftime("%Y-%m-%d %H:%M:%S")
    except ValueError:
        return timestamp
