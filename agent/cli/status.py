"""`status`: how the agent on this box is, once or again and again."""

import sys
from argparse import ArgumentParser, ArgumentTypeError
from collections.abc import Iterator
from pathlib import Path

from pydantic_core import to_json
from rich.console import Console
from rich.live import Live

from agent.cli.exit_codes import ExitCode
from agent.cli.status_view import View
from agent.cli.verbs import Call
from agent.edges.control_client import asked, watched
from agent.edges.control_place import ControlRefusedError
from agent.model.control import SHORTEST_WATCH, Answer, AskStatus, Told
from agent.model.snapshot import Snapshot

EVERY = 1.0
LONGEST = 86400.0
EVERY_PLAIN = 10.0
"""Where nobody watches, lines pile up."""
USUAL_WIDTH = 80


def add_arguments(parser: ArgumentParser) -> None:
    parser.add_argument("--watch", action="store_true", help="go on showing, until Ctrl-C")
    parser.add_argument(
        "--every",
        type=_every,
        metavar="SECONDS",
        help=f"with --watch: how often ({EVERY:g}; {EVERY_PLAIN:g} where nobody watches)",
    )
    parser.add_argument("--json", action="store_true", help="for programs")


def run(call: Call) -> int:
    given, spool = call.arguments, call.loaded.settings.spool
    if given.watch:
        return _watch(spool, given.every, as_json=given.json)
    snapshot = looked(spool)
    if given.json:
        print(to_json(snapshot, indent=2).decode())
    else:
        console = console_on()
        console.print(View(console).of(snapshot))
    return ExitCode.OK


def looked(spool: Path) -> Snapshot:
    """One look at the agent on this spool."""
    return _snapshot(asked(spool, AskStatus()))


def console_on() -> Console:
    """Standard output; 80 columns where that is no terminal, and no colour where none is wanted."""
    width = None if sys.stdout.isatty() else USUAL_WIDTH
    return Console(markup=False, highlight=False, width=width)


def _watch(spool: Path, every: float | None, *, as_json: bool) -> int:
    console = console_on()
    is_live = console.is_terminal and not console.is_dumb_terminal and not as_json
    pause = every or (EVERY if is_live else EVERY_PLAIN)
    try:
        snapshots = (_snapshot(answer) for answer in watched(spool, pause))
        if as_json:
            for snapshot in snapshots:
                print(to_json(snapshot).decode(), flush=True)
        elif is_live:
            _show(console, snapshots)
        else:
            for snapshot in snapshots:
                console.print(View(console).of(snapshot), "")
                sys.stdout.flush()
    except KeyboardInterrupt:
        pass  # The usual end of a watch.
    return ExitCode.OK


def _show(console: Console, snapshots: Iterator[Snapshot]) -> None:
    first = next(snapshots)  # A sentence about its absence belongs on the ordinary screen.
    with Live(console=console, screen=True, auto_refresh=False) as live:
        live.update(View(console).of(first), refresh=True)
        for snapshot in snapshots:
            # The window may have another width by now.
            live.update(View(console).of(snapshot), refresh=True)


def _snapshot(answer: Answer) -> Snapshot:
    if not isinstance(answer, Told):
        raise ControlRefusedError(f"the agent answers something else: {answer.kind}")
    return answer.snapshot


def _every(text: str) -> float:
    try:
        seconds = float(text)
    except ValueError:
        seconds = 0.0
    if not SHORTEST_WATCH <= seconds <= LONGEST:
        raise ArgumentTypeError(
            f"{text!r} is wrong: it must be a number of seconds from {SHORTEST_WATCH:g} up"
        )
    return seconds
