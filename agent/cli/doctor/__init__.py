"""`doctor`: is everything here that a job needs, and if not, what to do.

check, patient, route      what a check is, and what the checks share
box, gpus, computing, containers, software, packages, models, settings, spool, network, server,
silence                    the checks
examination                runs them
watching, layout, report   tell of them
"""

import os
import sys
import time
from argparse import ArgumentParser
from collections.abc import Iterator

from agent.cli.doctor.box import box_checks
from agent.cli.doctor.check import Check, Result
from agent.cli.doctor.computing import computing_checks
from agent.cli.doctor.containers import container_checks
from agent.cli.doctor.examination import examine
from agent.cli.doctor.gpus import gpu_checks
from agent.cli.doctor.layout import lines
from agent.cli.doctor.models import model_checks
from agent.cli.doctor.network import network_checks
from agent.cli.doctor.patient import Patient
from agent.cli.doctor.report import as_json
from agent.cli.doctor.route import Route
from agent.cli.doctor.server import server_checks
from agent.cli.doctor.settings import settings_checks
from agent.cli.doctor.software import software_checks
from agent.cli.doctor.spool import spool_checks
from agent.cli.doctor.watching import watching
from agent.cli.exit_codes import ExitCode
from agent.cli.verbs import Call


def add_arguments(parser: ArgumentParser) -> None:
    parser.add_argument("--json", action="store_true", help="for programs: docs/doctor.md")
    parser.add_argument(
        "--thorough",
        action="store_true",
        help="measure too what takes minutes or loads the box: rates, long silences, large models",
    )


def run(call: Call) -> int:
    patient = Patient(call.loaded, os.environ, is_thorough=call.arguments.thorough)
    checks = list(checks_of(patient))
    begun = time.monotonic()
    with watching(len(checks)) as watch:
        results = examine(checks, watch)
    took = time.monotonic() - begun
    if call.arguments.json:
        print(as_json(results, took))
    else:
        _show(results, took)
    return ExitCode.NO if any(result.is_error for result in results) else ExitCode.OK


def checks_of(patient: Patient) -> Iterator[Check]:
    """In the order in which they are told."""
    route = Route(patient.settings, patient.environ)
    yield from box_checks(patient)
    yield from gpu_checks(patient)
    yield from computing_checks(patient)
    yield from container_checks(patient)
    yield from software_checks(patient)
    yield from model_checks(patient)
    yield from settings_checks(patient)
    yield from spool_checks(patient)
    yield from network_checks(route)
    yield from server_checks(route, is_thorough=patient.is_thorough)


def _show(results: list[Result], took: float) -> None:
    is_terminal = sys.stdout.isatty()
    columns = os.get_terminal_size(sys.stdout.fileno()).columns or 80 if is_terminal else 80
    # https://no-color.org: any value that is not empty.
    in_colour = is_terminal and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"
    for line in lines(results, took, columns=columns, in_colour=in_colour):
        print(line)
