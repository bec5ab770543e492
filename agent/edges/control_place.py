"""Where the control socket lies, and what goes wrong there, for both of its sides."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from agent.model.errors import AgentError

FOLDER, NAME = "control", "socket"
LONGEST_PATH = 107
"""Bytes that the kernel takes as the name of a socket."""


class NoAgentError(AgentError):
    """Nobody answers on this spool."""


class NotOursError(AgentError):
    """An agent is there, but it is not ours to ask."""


class ControlRefusedError(AgentError):
    """The agent answers, and does not do it."""


@contextmanager
def short_name(path: Path) -> Iterator[str]:
    """A name for `path` that the kernel takes, however long it is."""
    if len(os.fsencode(path)) <= LONGEST_PATH:
        yield str(path)
        return
    fd = os.open(path.parent, os.O_PATH | os.O_DIRECTORY)
    try:
        yield f"/proc/self/fd/{fd}/{path.name}"
    finally:
        os.close(fd)
