"""`resume`: the owner's pause is over."""

from argparse import ArgumentParser

from agent.cli.exit_codes import ExitCode
from agent.cli.verbs import Call
from agent.cli.wishes import carried_out
from agent.edges.display import printable
from agent.model.control import AskResume


def add_arguments(parser: ArgumentParser) -> None:
    del parser


def run(call: Call) -> int:
    snapshot = carried_out(call.loaded.settings.spool, AskResume())
    if snapshot.restraints:
        others = "; ".join(one.why for one in snapshot.restraints)
        print(printable(f"not paused by you any more, but still held back: {others}"))
    elif snapshot.mode != "running":
        print(printable(f"not paused any more, but {snapshot.mode}: {snapshot.mode_reason}"))
    else:
        print("it takes work again")
    return ExitCode.OK
