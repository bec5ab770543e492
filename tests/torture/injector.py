"""Makes the N-th call of one kind on the spool go wrong, inside a real agent.

The functions of `os` are replaced in that process; only calls on paths and descriptors below the
spool count, those of all threads together. Every one of them is noted, one line each.
"""

import errno
import os
import shutil  # noqa: F401 - it looks at `os` when it is imported: that must be the real one
import signal
import threading
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from enum import StrEnum
from functools import partial
from pathlib import Path
from typing import Any

CHILD_WRITE = "child write"
KINDS = {
    "fsync": ("fsync", "fdatasync"),
    "rename": ("rename", "replace"),
    "write": ("write", "pwrite"),
    "unlink": ("unlink", "remove"),
    "rmdir": ("rmdir",),
    "truncate": ("ftruncate",),
    "mkdir": ("mkdir",),
    "create": ("open",),
    CHILD_WRITE: (),
}
"""Each with its functions in `os`; what a child writes is counted there."""
TAKES_ROOM = {"write", "mkdir", "create"}


class Action(StrEnum):
    KILL_BEFORE = "kill before"
    KILL_AFTER = "kill after"
    EIO = "EIO"
    ENOSPC = "ENOSPC"
    FULL = "full disk from"
    """Nothing that takes room succeeds from that call on."""

    @property
    def is_kill(self) -> bool:
        return self in {Action.KILL_BEFORE, Action.KILL_AFTER}

    def makes_sense_for(self, kind: str) -> bool:
        """A full disk does not keep anybody from removing things."""
        if self is Action.FULL:
            return kind == "write"
        return self is not Action.ENOSPC or kind not in {"unlink", "rmdir", "truncate"}


@dataclass(frozen=True, slots=True)
class DiskFault:
    """What is to go wrong, and where each call is noted."""

    spool: Path
    notes: Path
    kind: str = ""
    number: int = 0
    """The how many-th call of this kind, from 1; 0: none."""
    action: Action = Action.KILL_BEFORE

    def __str__(self) -> str:
        return f"{self.action} {self.kind} {self.number}"

    def arm(self) -> None:
        from tests.torture.child_writes import hand_down

        Injector(self, victim=os.getpid()).arm()
        hand_down(self)

    def noted(self) -> Counter[str]:
        """How many calls of each kind there were."""
        lines = self.notes.read_text().splitlines() if self.notes.exists() else []
        return Counter(line.partition(": ")[0] for line in lines)


class Injector:
    def __init__(self, fault: DiskFault, victim: int) -> None:
        """`victim`: the process that a kill hits."""
        self._fault = fault
        self._victim = victim
        self._root = str(fault.spool)
        self._counts: Counter[str] = Counter()
        self._is_full = False
        self._lock = threading.Lock()
        self._notes = os.open(fault.notes, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        self._write = os.write

    def arm(self) -> None:
        for kind, names in KINDS.items():
            for name in names:
                setattr(os, name, partial(self.call, kind, getattr(os, name)))

    def call(self, kind: str, real: Callable[..., Any], *words: Any, **more: Any) -> Any:
        """What `real` gives, or what goes wrong in its place."""
        where = _path_of(words[0], more.get("dir_fd", more.get("src_dir_fd")))
        is_ours = where == self._root or where.startswith(self._root + "/")
        if not is_ours or (kind == "create" and not words[1] & os.O_CREAT):
            return real(*words, **more)
        if not self._is_due(kind, where):
            return real(*words, **more)
        return self._go_wrong(kind, real, *words, **more)

    def _is_due(self, kind: str, where: str) -> bool:
        with self._lock:
            self._counts[kind] += 1
            self._write(self._notes, f"{kind}: {where}\n".encode())
            if self._is_full and kind in TAKES_ROOM:
                return True
            is_due = kind == self._fault.kind and self._counts[kind] == self._fault.number
            self._is_full |= is_due and self._fault.action is Action.FULL
            return is_due

    def _go_wrong(self, kind: str, real: Callable[..., Any], *words: Any, **more: Any) -> Any:
        match self._fault.action:
            case Action.KILL_BEFORE:
                self._kill()
            case Action.KILL_AFTER:
                with suppress(OSError):
                    real(*words, **more)
                self._kill()
            case Action.EIO:
                raise OSError(errno.EIO, os.strerror(errno.EIO))
            case Action.ENOSPC | Action.FULL:
                if kind.endswith("write"):  # what still fitted is on the disk
                    real(words[0], bytes(words[1])[: len(words[1]) // 2], *words[2:])
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    def _kill(self) -> None:
        os.kill(self._victim, signal.SIGKILL)
        # For a child: nothing more of it reaches the disk.
        threading.Event().wait()


def _path_of(where: Any, folder: int | None) -> str:
    """Of a path or a descriptor; that of one which is closed is empty."""
    try:
        if isinstance(where, int):
            return str(Path(f"/proc/self/fd/{where}").readlink())
        start = "." if folder is None else _path_of(folder, None)
        return str(Path(start, os.fsdecode(where)).absolute())
    except OSError:
        return ""
