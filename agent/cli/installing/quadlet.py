"""A Quadlet: podman's own way to run a container as a service (podman 4.7 or newer).

Its lines become one command, in which systemd would take a dollar for a variable.
"""

import json
import shlex
from collections.abc import Iterator, Mapping
from pathlib import Path

from agent.cli.installing.plan import HEALTH, NAME, Plan, Sheet, Site
from agent.cli.installing.quoting import unit_command, unit_value
from agent.cli.installing.units import about, environment, restarting, unit_file, wanted

SYSTEM_FOLDER = Path("/etc/containers/systemd")
HOME = "/var/lib/agent"
TOKEN = "/etc/morag-agent/token"  # noqa: S105 (a path)
SECRET = f"{NAME}-token"
MODELS = "/models"
MOST_PROCESSES = 512
"""Threads count as such; a library starts one for each core."""
_ENGINE_S = 10
"""Seconds that podman itself may take beside."""


def quadlet_plan(site: Site, user_folder: Path) -> Plan:
    sheets = [
        Sheet(f"{NAME}.container", unit_file(_sections(site))),
        Sheet(f"{NAME}.volume", _volume(NAME)),
    ]
    if site.models is None:
        sheets.append(Sheet(f"{NAME}-models.volume", _volume(f"{NAME}-models")))
    folder = user_folder / "containers/systemd" if site.is_user else SYSTEM_FOLDER
    return Plan(folder=folder, sheets=tuple(sheets), commands=tuple(_commands(site)))


def _sections(site: Site) -> Mapping[str, list[str]]:
    return {
        "Unit": list(about(site)),
        "Container": list(_container(site)),
        "Service": [
            f"ExecReload=/usr/bin/podman kill --signal HUP {NAME}",
            *restarting(site.stop_timeout_s + _ENGINE_S),
        ],
        "Install": [wanted(site)],
    }


def _container(site: Site) -> Iterator[str]:
    yield f"Image={_in_command(site.image)}"
    yield f"ContainerName={NAME}"
    if site.has_gpu:
        yield "AddDevice=nvidia.com/gpu=all"
        yield "# What SELinux would deny, where there is SELinux: the GPU's devices."
        yield "SecurityLabelDisable=true"
    if site.is_on_this_machine:
        yield "# The server is on this machine, which is somebody else inside a network of its own."
        yield "Network=host"
    if site.token_file is not None:
        yield f"Secret={SECRET},type=mount,target={TOKEN},uid=10001,gid=10001,mode=0400"
    yield f"Volume={NAME}.volume:{HOME}"
    yield f"Volume={_models(site)}:{MODELS}"
    yield from environment(site.whole_environment, unit_command)
    if site.is_user:
        yield "UserNS=keep-id:uid=10001,gid=10001"
    yield "ReadOnly=true"
    yield "Tmpfs=/tmp:rw,size=256m,noexec,nosuid,nodev"
    yield "DropCapability=all"
    yield "NoNewPrivileges=true"
    yield f"PidsLimit={MOST_PROCESSES}"
    yield f"HealthCmd={json.dumps(HEALTH)}"
    yield "HealthInterval=60s"
    yield "HealthTimeout=10s"
    yield "HealthStartPeriod=60s"
    yield f"PodmanArgs=--stop-timeout={site.stop_timeout_s}"


def _models(site: Site) -> str:
    return f"{NAME}-models.volume" if site.models is None else _in_command(str(site.models))


def _in_command(text: str) -> str:
    return unit_value(text).replace("$", "$$")


def _volume(name: str) -> str:
    return unit_file({"Volume": [f"VolumeName={name}"]})


def _commands(site: Site) -> Iterator[str]:
    systemctl = "systemctl --user" if site.is_user else "systemctl"
    if site.token_file is not None:
        yield f"podman secret create {SECRET} {shlex.quote(str(site.token_file))}"
    if site.has_gpu:
        yield "sudo nvidia-ctk cdi generate --output=/etc/cdi/nvidia.yaml   # once for each driver"
    yield f"{systemctl} daemon-reload"
    yield f"{systemctl} start {NAME}"
    if site.is_user:
        yield "loginctl enable-linger   # so that it also runs while you are not logged in"
    yield f"journalctl {'--user ' if site.is_user else ''}--unit {NAME} --follow"
