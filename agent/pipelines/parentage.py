"""Makes a process end with the one that started it, and keeps its frames apart from its chatter."""

import ctypes
import os
import signal
import sys
from contextlib import suppress
from pathlib import Path

_PR_SET_PDEATHSIG = 1
_PR_SET_CHILD_SUBREAPER = 36
_BEFORE_OTHERS = "500"
"""Of 1000: what the kernel adds to our size when it chooses whom to kill for memory."""


def die_with_parent(by: int = signal.SIGKILL) -> None:
    """From here on the kernel sends this process a signal when its parent dies.

    A parent that died before this call is noticed by the first read or write of the pipe to it,
    which is why nobody needs to compare process ids (and in a container the parent may be pid 1).
    """
    _prctl(_PR_SET_PDEATHSIG, by)


def adopt_orphans() -> None:
    """From here on a process below this one that loses its parent becomes a child of this one."""
    _prctl(_PR_SET_CHILD_SUBREAPER, 1)


def die_before_others() -> None:
    """When memory runs out, this process and those it starts go first, not the agent."""
    with suppress(OSError):
        Path("/proc/self/oom_score_adj").write_text(_BEFORE_OTHERS)


def silence_stdout() -> int:
    """Send descriptor 1 to standard error, and return a new one for what it was.

    C libraries print to descriptor 1 whenever they like.
    """
    sys.stdout.flush()
    kept = os.dup(1)
    os.dup2(2, 1)
    return kept


def _prctl(option: int, value: int) -> None:
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(option, value)
