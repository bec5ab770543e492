"""Lets each installed engine hear the known second of speech, in a process of its own.

A library that crashes or hangs on this box is what is looked for; it must not take us with it.
"""

import json
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, replace

from agent.edges.child_environment import child_environment
from agent.model.work import PipelineSettings
from agent.pipelines.models.choice import EngineName, is_installed, likely_device

_COMMAND = (sys.executable, "-m", "agent.pipelines.audio.engines.hearing_test")
_LIMIT = 600.0
"""Seconds; a large model from a slow disk takes one or two minutes."""
_SHOWN = 300


@dataclass(frozen=True, slots=True)
class Hearing:
    engine: str
    """With its device."""
    is_right: bool
    said: str


def hearings(settings: PipelineSettings, environ: Mapping[str, str]) -> Iterator[Hearing]:
    """One for each engine and device that a job could meet here."""
    engines = [one for one in EngineName if settings.engine in ("auto", one)]
    usual = likely_device(settings)
    devices = dict.fromkeys((usual, "cpu")) if settings.device == "auto" else (usual,)
    for engine in filter(is_installed, engines):
        for device in devices:
            yield hear(replace(settings, engine=engine, device=device), environ)


def hear(
    settings: PipelineSettings, environ: Mapping[str, str], limit: float | None = None
) -> Hearing:
    """That engine, on that device."""
    limit = limit or _LIMIT
    name = f"{settings.engine}, {settings.device}"
    try:
        ended = subprocess.run(  # noqa: S603 - our own module
            [*_COMMAND, json.dumps(asdict(settings))],
            env=child_environment(environ, settings),
            capture_output=True,
            text=True,
            timeout=limit,
            check=False,
        )
    except subprocess.TimeoutExpired:
        return Hearing(name, is_right=False, said=f"no answer within {limit:.0f} s")
    return Hearing(name, is_right=ended.returncode == 0, said=_said(ended))


def _said(ended: "subprocess.CompletedProcess[str]") -> str:
    if ended.returncode < 0:
        return f"it crashed ({signal.Signals(-ended.returncode).name})"
    last = ended.stdout.strip().rpartition("\n")[2] or ended.stderr.strip().rpartition("\n")[2]
    return last[:_SHOWN] or f"it ended with status {ended.returncode} and no word"
