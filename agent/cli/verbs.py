"""What the command line can do: one row a verb, its module imported only when it is asked for."""

import importlib
from argparse import ArgumentParser, Namespace
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol, cast

from agent.config import Loaded


@dataclass(frozen=True, slots=True)
class Call:
    """One verb with all it was given."""

    arguments: Namespace
    loaded: Loaded


class VerbModule(Protocol):
    """What `agent.cli.VERB` has to offer; `run` alone has no arguments of its own."""

    def add_arguments(self, parser: ArgumentParser) -> None: ...

    def run(self, call: Call) -> int:
        """The exit code."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Verb:
    name: str
    summary: str
    settings: tuple[str, ...]
    """Sections, or single settings, that may be given as flags."""
    without: tuple[str, ...] = ()
    """Single settings of those sections that do nothing here."""
    is_client: bool = False
    """Its `--token-file` is the client's token."""
    reads_settings: bool = True
    """From file and environment; `demo` must not meet the owner's own server."""

    def module(self) -> VerbModule:
        return cast(
            "VerbModule", importlib.import_module(f"agent.cli.{self.name.replace('-', '_')}")
        )


_MEDIA = ("models", "image", "video", "web")
_TERMS = ("guest", "schedule", "network")
_BOX = ("server", "agent", "spool", "limits", *_TERMS, "intervals", "gpu")
_AGENT = (*_BOX, "speech", *_MEDIA, "log")
_ONLY_WATCHED = ("gpu_require", "gpu_max_temperature_c", "gpu_max_power_w")
"""What `run` watches over, and a single computation does not."""
_RUN = (*_AGENT, "watch", "ledger")

VERBS: Mapping[str, Verb] = {
    verb.name: verb
    for verb in (
        Verb(name="run", summary="work: lease jobs, compute, deliver", settings=_RUN),
        Verb(
            name="serve",
            summary="run the embedded job server",
            settings=("serve", "log"),
        ),
        Verb(
            name="celery-bridge",
            summary="have the server's agents do the tasks of MoRAG's Celery",
            settings=("server_url", "client_token_file", "celery", "serve_data", "log"),
            is_client=True,
        ),
        Verb(
            name="token",
            summary="create, list and revoke the embedded server's tokens",
            settings=("serve_data",),
        ),
        Verb(
            name="submit",
            summary="send files as jobs",
            settings=("server_url", "client_token_file"),
            is_client=True,
        ),
        Verb(
            name="jobs",
            summary="list jobs, show, cancel, retry or remove one",
            settings=("server_url", "client_token_file", "spool.folder"),
            is_client=True,
        ),
        Verb(
            name="status",
            summary="how the agent on this box is, and why it is idle; --watch goes on showing",
            settings=("spool.folder",),
        ),
        Verb(
            name="pause",
            summary="have the agent on this box take no work, for a time or until resume",
            settings=("spool.folder",),
        ),
        Verb(
            name="resume",
            summary="end your pause",
            settings=("spool.folder",),
        ),
        Verb(
            name="drain",
            summary="have the agent finish what it holds, take nothing new, and end",
            settings=("spool.folder",),
        ),
        Verb(
            name="logs",
            summary="what was logged about one job, also after its end",
            settings=("spool.folder",),
        ),
        Verb(
            name="process",
            summary="run a pipeline on a file here, with no server",
            settings=("gpu", "speech", "video", "task_timeout_min", "stall_limit_s"),
            without=_ONLY_WATCHED,
        ),
        Verb(
            name="ledger",
            summary="what the jobs have cost: time, energy, bytes",
            settings=("spool", "ledger_file"),
        ),
        Verb(
            name="models",
            summary="which models are here, fetch one, check them byte for byte",
            settings=("gpu", "speech", "models"),
            without=_ONLY_WATCHED,
        ),
        Verb(
            name="demo",
            summary="a server, an agent and one speech file, on this machine alone",
            settings=(),
            reads_settings=False,
        ),
        Verb(
            name="doctor",
            summary="check this box and say what to do",
            settings=(*_AGENT, "serve_data"),
        ),
        Verb(
            name="install",
            summary="keep the agent running: write a systemd unit, a Quadlet or a compose file",
            settings=_AGENT,
        ),
        Verb(
            name="config",
            summary="show the effective settings and where each came from",
            settings=(*_RUN, "serve"),
        ),
    )
}
