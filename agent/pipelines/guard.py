"""Splits a child in two: a guard that sees to it that nothing outlives the other, and the rest.

    agent ──> guard          leads the session; adopts whatever loses its parent below it
                └──> worker  does everything else
                       └──> decoder, and whatever a library or a hostile file starts

The guard ends everything below it, sessions of their own included, when the worker ends, when it is
told to (SIGTERM), and when the agent dies. Then it ends the way the worker did, so that the agent
sees why. Its limit: processes of one user can kill one another. What kills the guard first takes
the worker along, but may leave processes behind that have made a session of their own.
"""

import os
import resource
import signal
import sys
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import NoReturn

from agent.pipelines.parentage import adopt_orphans, die_before_others, die_with_parent

_STDERR = 2
_NEWS = {signal.SIGCHLD, signal.SIGTERM}
_ROUNDS, _ROUND = 400, 0.01
"""How often, and how many seconds apart, the guard looks for what is still alive."""


def split_off_guard() -> None:
    """Returns in the worker only. Call it before there are threads."""
    if sys.platform != "linux":
        return
    before = signal.pthread_sigmask(signal.SIG_BLOCK, _NEWS)
    guard = os.getpid()
    adopt_orphans()
    die_with_parent(signal.SIGTERM)
    worker = os.fork()
    if worker:
        _stand_guard(worker)
    die_with_parent()
    if os.getppid() != guard:
        os._exit(1)
    die_before_others()
    signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _stand_guard(worker: int) -> NoReturn:
    _let_go_of_pipes()
    status = None
    while status is None:
        if signal.sigwait(_NEWS) == signal.SIGTERM:
            status = int(signal.SIGTERM)
        else:
            status = _reap().get(worker)
    _end_everything_below()
    _end_like(status)


def _let_go_of_pipes() -> None:
    """Or the worker's pipe to the agent would never be seen to close."""
    for descriptor in [int(path.name) for path in Path("/proc/self/fd").iterdir()]:
        if descriptor > _STDERR:
            with suppress(OSError):  # that of the listing itself is closed by now
                os.close(descriptor)


def _reap() -> dict[int, int]:
    """The wait statuses of those that have ended, by process. Raises `ChildProcessError`."""
    ended = {}
    process, status = os.waitpid(-1, os.WNOHANG)
    while process:
        ended[process] = status
        try:
            process, status = os.waitpid(-1, os.WNOHANG)
        except ChildProcessError:
            break
    return ended


def _end_everything_below() -> None:
    """Children first: theirs are adopted and come next."""
    for _ in range(_ROUNDS):
        for child in _children():
            with suppress(ProcessLookupError, PermissionError):
                os.kill(child, signal.SIGKILL)
        try:
            _reap()
        except ChildProcessError:
            return
        signal.sigtimedwait({signal.SIGCHLD}, _ROUND)


def _children() -> Iterator[int]:
    us = str(os.getpid())
    for stat in Path("/proc").glob("[0-9]*/stat"):
        with suppress(OSError):
            if stat.read_text("utf-8", "replace").rpartition(")")[2].split()[1] == us:
                yield int(stat.parent.name)


def _end_like(status: int) -> NoReturn:
    if os.WIFSIGNALED(status):
        number = os.WTERMSIG(status)
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
        with suppress(OSError):  # some cannot be handled, so they need no reset
            signal.signal(number, signal.SIG_DFL)
        signal.pthread_sigmask(signal.SIG_SETMASK, ())
        os.kill(os.getpid(), number)
    os._exit(os.waitstatus_to_exitcode(status) if os.WIFEXITED(status) else 1)
