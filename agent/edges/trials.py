"""Runs one of the trials in a process of its own, and leaves it behind when it hangs."""

import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Generic, TypeVar

from pydantic import TypeAdapter, ValidationError

_Answer = TypeVar("_Answer")
_TO_END = 1.0
"""Seconds: what hangs inside a driver does not end even when it is killed."""
_SHOWN = 200


@dataclass(frozen=True, slots=True)
class Broken:
    """There is no answer."""

    reason: str
    is_silent: bool = False
    """It did not crash; it hung."""


class Trial(Generic[_Answer]):
    """`python -m MODULE WORDS` that answers with one line of JSON, an `answer`."""

    def __init__(self, module: str, answer: type[_Answer], *words: str) -> None:
        self._module = module
        self._answer = TypeAdapter(answer)
        self._words = words

    def run(self, environ: Mapping[str, str], deadline: float) -> _Answer | Broken:
        told = _run([sys.executable, "-m", self._module, *self._words], environ, deadline)
        if isinstance(told, Broken):
            return told
        try:
            return self._answer.validate_json(told)
        except ValidationError:
            return Broken(f"it answered {told[:_SHOWN]!r}, which is no answer")


def _run(command: Sequence[str], environ: Mapping[str, str], deadline: float) -> str | Broken:
    process = subprocess.Popen(  # noqa: S603 - our own module
        command,
        env=dict(environ),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        errors="replace",
    )
    try:
        said, errors = process.communicate(timeout=deadline)
    except subprocess.TimeoutExpired:
        process.kill()
        with suppress(subprocess.TimeoutExpired):
            process.communicate(timeout=_TO_END)
        return Broken(f"no answer within {deadline:g} s", is_silent=True)
    if process.returncode < 0:
        return Broken(f"it crashed ({_named(-process.returncode)})")
    if process.returncode:
        last = errors.strip().rpartition("\n")[2][:_SHOWN]
        return Broken(last or f"it ended with status {process.returncode} and no word")
    return said


def _named(number: int) -> str:
    with suppress(ValueError):
        return signal.Signals(number).name
    return f"signal {number}"
