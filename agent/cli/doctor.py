"""`doctor`: is everything here that a job needs, and if not, what to do."""

import asyncio
import json
from argparse import ArgumentParser
from collections.abc import Iterator, Sequence
from dataclasses import asdict

from agent.cli.check import Check, State
from agent.cli.checks import data_check, local_checks
from agent.cli.exit_codes import ExitCode
from agent.cli.packages import extra_checks
from agent.cli.server_checks import server_checks
from agent.cli.verbs import Call
from agent.edges.display import printable


def add_arguments(parser: ArgumentParser) -> None:
    parser.add_argument("--json", action="store_true", help="for programs")


def run(call: Call) -> int:
    settings = call.loaded.settings
    checks = [
        _config_check(call),
        *local_checks(settings),
        *asyncio.run(server_checks(settings)),
        *_data_checks(call),
        *extra_checks(),
    ]
    print(_as_json(checks) if call.arguments.json else _as_text(checks))
    is_fine = all(check.state is not State.FAIL for check in checks)
    return ExitCode.OK if is_fine else ExitCode.NO


def _config_check(call: Call) -> Check:
    # Wrong settings end the command before this; what is odd about them is on standard error.
    return Check("config", State.OK, str(call.loaded.file or "no file; defaults and environment"))


def _data_checks(call: Call) -> Iterator[Check]:
    """Only where it was named: most boxes with an agent have no server."""
    if call.loaded.origins["serve_data"] != "default":
        yield data_check(call.loaded.settings.serve_data)


def _as_text(checks: Sequence[Check]) -> str:
    width = max(len(check.name) for check in checks)
    lines = []
    for check in checks:
        advice = f" -> {check.advice}" if check.advice else ""
        lines.append(printable(f"{check.state:<4}  {check.name:<{width}}  {check.found}{advice}"))
    return "\n".join(lines)


def _as_json(checks: Sequence[Check]) -> str:
    return json.dumps([asdict(check) for check in checks], ensure_ascii=False, indent=2)
