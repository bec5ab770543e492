"""`drain`: the agent finishes what it holds, and ends."""

from argparse import ArgumentParser

from agent.cli.exit_codes import ExitCode
from agent.cli.verbs import Call
from agent.cli.wishes import carried_out, jobs
from agent.model.control import AskDrain


def add_arguments(parser: ArgumentParser) -> None:
    del parser


def run(call: Call) -> int:
    snapshot = carried_out(call.loaded.settings.spool, AskDrain())
    first = f" after {jobs(snapshot)}" if snapshot.held else ""
    print(f"it takes nothing new, and ends{first}")
    return ExitCode.OK
