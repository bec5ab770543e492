"""Makes a process end with the one that started it, and keeps its frames apart from its chatter."""

import ctypes
import os
import signal
import sys

_PR_SET_PDEATHSIG = 1


def die_with_parent() -> None:
    """From here on the kernel kills this process when its parent dies.

    A parent that died before this call is noticed by the first read or write of the pipe to it,
    which is why nobody needs to compare process ids (and in a container the parent may be pid 1).
    """
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)


def silence_stdout() -> int:
    """Send descriptor 1 to standard error, and return a new one for what it was.

    C libraries print to descriptor 1 whenever they like.
    """
    sys.stdout.flush()
    kept = os.dup(1)
    os.dup2(2, 1)
    return kept
