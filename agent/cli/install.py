"""`install`: writes what keeps the agent running, for systemd, Quadlet or compose."""

import os
from argparse import ArgumentParser
from dataclasses import replace
from pathlib import Path

from agent.cli.exit_codes import ExitCode, UsageError
from agent.cli.installing.compose_file import compose_plan
from agent.cli.installing.plan import Plan
from agent.cli.installing.quadlet import quadlet_plan
from agent.cli.installing.site import site_of, unreachable
from agent.cli.installing.systemd import systemd_plan
from agent.cli.installing.writing import headed, write
from agent.cli.verbs import Call
from agent.edges.display import printable
from agent.edges.nvml import Nvml

_IMAGE = "localhost/morag-agent:latest"


def add_arguments(parser: ArgumentParser) -> None:
    way = parser.add_mutually_exclusive_group(required=True)
    way.add_argument("--systemd", action="store_true", help="a service of systemd")
    way.add_argument("--quadlet", action="store_true", help="a container as one, by podman")
    way.add_argument("--compose", action="store_true", help="a compose file, here")
    parser.add_argument("--user", action="store_true", help="your own, not the machine's")
    parser.add_argument("--print", action="store_true", help="show the files, write nothing")
    parser.add_argument("--force", action="store_true", help="also over a file that was changed")
    parser.add_argument("--folder", type=Path, metavar="DIR", help="instead of the usual one")
    parser.add_argument("--image", default=_IMAGE, help=f"of the container ({_IMAGE})")


def run(call: Call) -> int:
    given = call.arguments
    if given.compose and given.user:
        raise UsageError("--user is for systemd and Quadlet: a compose file belongs to its folder")
    plan = _plan(call)
    if given.folder is not None:
        plan = replace(plan, folder=given.folder.absolute())
    if given.print:
        _show(plan)
    else:
        _carry_out(plan, is_forced=given.force)
    return ExitCode.OK


def _plan(call: Call) -> Plan:
    given, loaded = call.arguments, call.loaded
    has_gpu = loaded.settings.gpu and bool(Nvml().look().gpus)
    site = site_of(loaded, is_user=given.user, has_gpu=has_gpu, image=given.image)
    if given.systemd:
        return systemd_plan(site, _user_folder())
    plan = quadlet_plan(site, _user_folder()) if given.quadlet else compose_plan(site, Path.cwd())
    remarks = [*plan.remarks, *unreachable(loaded)]
    if loaded.settings.gpu and not has_gpu:
        remarks.append("no GPU was seen here, so the container is given none")
    return replace(plan, remarks=tuple(remarks))


def _user_folder() -> Path:
    base = os.environ.get("XDG_CONFIG_HOME", "")
    return Path(base) if base.startswith("/") else Path.home() / ".config"


def _show(plan: Plan) -> None:
    for sheet in plan.sheets:
        print(f"# {printable(str(plan.folder / sheet.name))}")
        print(headed(sheet.text))


def _carry_out(plan: Plan, *, is_forced: bool) -> None:
    written = list(write(plan, is_forced=is_forced))
    for sheet in plan.sheets:
        path = plan.folder / sheet.name
        state = "written" if path in written else "there already"
        print(printable(f"{path}: {state}"))
    for remark in plan.remarks:
        print(printable(f"note: {remark}"))
    print("next:")
    for command in plan.commands:
        print(printable(f"  {command}"))
