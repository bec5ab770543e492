"""A compose file, for docker and for podman-compose."""

import json
import shlex
from collections.abc import Iterator, Mapping
from pathlib import Path

from agent.cli.installing.plan import HEALTH, NAME, Plan, Sheet, Site
from agent.cli.installing.quadlet import HOME, MODELS, MOST_PROCESSES, SECRET, TOKEN

FILE = "compose.yaml"
_GPUS = [{"driver": "nvidia", "count": "all", "capabilities": ["gpu"]}]


def compose_plan(site: Site, folder: Path) -> Plan:
    return Plan(
        folder=folder,
        sheets=(Sheet(FILE, "\n".join(_lines(_document(site))) + "\n"),),
        commands=("docker compose up --detach", "docker compose logs --follow"),
        remarks=tuple(_remarks(site)),
    )


def _remarks(site: Site) -> Iterator[str]:
    if site.token_file is not None:
        yield (
            "the agent in the container is user 10001, who has to be able to read the token:"
            f" sudo chown 10001 {shlex.quote(str(site.token_file))}"
        )
    if site.has_gpu:
        yield "for podman-compose, put `devices: [nvidia.com/gpu=all]` in place of `deploy`"


def _document(site: Site) -> dict[str, object]:
    volumes = [NAME] if site.models else [NAME, f"{NAME}-models"]
    secrets = {} if site.token_file is None else {SECRET: {"file": str(site.token_file)}}
    document = {
        "name": NAME,
        "services": {"agent": _service(site)},
        "secrets": secrets,
        "volumes": {name: {} for name in volumes},
    }
    return {name: content for name, content in document.items() if content}


def _service(site: Site) -> dict[str, object]:
    service: dict[str, object] = {
        "image": site.image,
        "restart": "always",
        "read_only": True,
        "tmpfs": ["/tmp:rw,size=256m,noexec,nosuid,nodev"],  # noqa: S108 (the container's own)
        "cap_drop": ["ALL"],
        "security_opt": ["no-new-privileges:true"],
        "pids_limit": MOST_PROCESSES,
        "stop_grace_period": f"{site.stop_timeout_s}s",
        "environment": dict(site.whole_environment),
        "secrets": [{"source": SECRET, "target": TOKEN}] if site.token_file else [],
        "volumes": [f"{NAME}:{HOME}", f"{site.models or f'{NAME}-models'}:{MODELS}"],
        "healthcheck": {
            "test": ["CMD", *HEALTH],
            "interval": "60s",
            "timeout": "10s",
            "start_period": "60s",
        },
    }
    if site.is_on_this_machine:
        # In a network of its own, this machine would be somebody else.
        service["network_mode"] = "host"
    if site.has_gpu:
        service["deploy"] = {"resources": {"reservations": {"devices": _GPUS}}}
    return service


def _lines(document: Mapping[str, object], indent: str = "") -> Iterator[str]:
    """Mappings as blocks; what is JSON is YAML too, and a dollar would stand for a variable."""
    for key, value in document.items():
        if isinstance(value, Mapping) and value:
            yield f"{indent}{key}:"
            yield from _lines(value, indent + "  ")
        else:
            written = json.dumps(value, ensure_ascii=False).replace("$", "$$")
            yield f"{indent}{key}: {written}"
