"""`pause`: the agent on this box takes nothing new."""

import time
from argparse import ArgumentParser

from agent.cli.durations import at_time, in_time, moment, next_time, span
from agent.cli.exit_codes import ExitCode, UsageError
from agent.cli.verbs import Call
from agent.cli.wishes import carried_out, jobs
from agent.model.control import AskPause
from agent.model.ids import Seconds
from agent.model.snapshot import Snapshot


def add_arguments(parser: ArgumentParser) -> None:
    ends = parser.add_mutually_exclusive_group()
    ends.add_argument(
        "--for", dest="lasts", type=span, metavar="TIME", help="2h, 30m, 1h30m; then it goes on"
    )
    ends.add_argument(
        "--until", type=moment, metavar="WHEN", help="18:00 (the next one), 2026-05-01T08:00"
    )
    parser.add_argument(
        "--free-gpu",
        action="store_true",
        help="free the GPU too: stop computing, and after a minute hand back what still waits",
    )


def run(call: Call) -> int:
    given, wall = call.arguments, time.time()
    until = None
    if given.until is not None:
        until = next_time(given.until, wall)
        if until <= wall:
            raise UsageError(f"--until {given.until}: that moment has passed")
    ask = AskPause(lasts=given.lasts, until=until, free_gpu=given.free_gpu)
    snapshot = carried_out(call.loaded.settings.spool, ask)
    print(_said(snapshot, is_freed=given.free_gpu))
    return ExitCode.OK


def _said(snapshot: Snapshot, *, is_freed: bool) -> str:
    own = next((one for one in snapshot.restraints if one.source == "owner"), None)
    if own is None:
        # A short one on a slow disk; or somebody else has ended it.
        return "the pause is over already: it ended before it was noted on the disk"
    return f"paused {_until(own.ends_in, snapshot.at)}; {_held(snapshot, is_freed=is_freed)}"


def _until(ends_in: Seconds | None, now: float) -> str:
    if ends_in is None:
        return "until `python -m agent resume`"
    return f"until {at_time(now + ends_in, now)}, for {in_time(ends_in)}"


def _held(snapshot: Snapshot, *, is_freed: bool) -> str:
    if not snapshot.held:
        return "it holds no job"
    if is_freed:
        return f"computing stops, and {jobs(snapshot)} may be handed back after a minute"
    return f"it finishes {jobs(snapshot)} first"
