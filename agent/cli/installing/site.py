"""Reads off the settings that hold now what an installed agent has to be told."""

import math
import sys
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from urllib.parse import urlsplit

from agent.cli.exit_codes import UsageError
from agent.cli.installing.plan import Site
from agent.config import Loaded
from agent.config.loading import LOOPBACK
from agent.config.table import Row, rows

_ELSEWHERE = frozenset({"spool", "token", "token_file", "client_token_file", "models_folder"})
"""Told in a way of their own, or not for the agent."""
_ALWAYS = frozenset({"server_url", "agent_id"})
"""In a container also where they are defaults: the host has another name there."""


def site_of(loaded: Loaded, *, is_user: bool, has_gpu: bool, image: str) -> Site:
    """Raises `UsageError` where the token has no file: it is never written into another one."""
    settings = loaded.settings
    if settings.token_file is None and (settings.server_dialect != "morag" or settings.token):
        raise UsageError(
            "where does the token lie? give --token-file FILE; it is only named there (a MoRAG that"
            " asks for none: --dialect morag)"
        )
    return Site(
        python=Path(sys.executable),
        config=loaded.file and loaded.file.absolute(),
        token_file=settings.token_file and settings.token_file.absolute(),
        spool=settings.spool.absolute(),
        models=settings.models_folder and settings.models_folder.absolute(),
        log_file=settings.log_file,
        environment=_variables(_told(loaded, with_file=False)),
        whole_environment=_variables(
            (row, value)
            for row, value in _told(loaded, with_file=True)
            if not isinstance(value, Path)
        ),
        stop_grace_s=math.ceil(settings.stop_grace_s),
        is_user=is_user,
        has_gpu=has_gpu,
        is_on_this_machine=urlsplit(settings.server_url).hostname in LOOPBACK,
        image=image,
    )


def unreachable(loaded: Loaded) -> Iterator[str]:
    """A sentence about each setting that names a place on this machine, for a container."""
    for row, value in _told(loaded, with_file=True):
        if isinstance(value, Path):
            yield f"{row.key.at} is a path of this machine and was left out; mount it to use it"


def _variables(told: Iterable[tuple[Row, object]]) -> dict[str, str]:
    return {row.env: _written(value) for row, value in told}


def _told(loaded: Loaded, *, with_file: bool) -> Iterator[tuple[Row, object]]:
    """The settings that do not stand by themselves; `with_file`: not in a file either."""
    for name, row in rows().items():
        value = getattr(loaded.settings, name)
        if value is None or name in _ELSEWHERE or row.section == "serve":
            continue
        origin = loaded.origins[name]
        in_file = loaded.file is not None and origin.startswith(f"{loaded.file}: ")
        if (name in _ALWAYS and with_file) or (origin != "default" and (with_file or not in_file)):
            yield row, value


def _written(value: object) -> str:
    """As a variable of the environment has it."""
    match value:
        case bool():
            return "on" if value else "off"
        case float():
            return f"{value:g}"
        case tuple():
            return ",".join(map(str, value))
        case Mapping():
            return ",".join(f"{name}={text}" for name, text in value.items())
        case Path():
            return str(value.absolute())
        case _:
            return str(value)
