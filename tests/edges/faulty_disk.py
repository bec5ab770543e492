"""A disk that fails at a chosen call, and whose power can be cut: only what was synced is left.

It stands in for the functions of `os` that the edges change files with. Syncing is not done, only
noted: what a power cut leaves is computed from the notes.
"""

import errno
import os
import stat
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

SYNCS = ("fsync", "fdatasync")
GROWS = ("write", "pwrite", "mkdir")
CHANGES = ("rename", "replace", "unlink", "rmdir", "ftruncate")
CALLS = (*SYNCS, *GROWS, *CHANGES)


class Killed(BaseException):
    """Nothing that this process does from here on has an effect."""


@dataclass(frozen=True)
class Fault:
    """What happens at the n-th call."""

    at: int
    kind: str
    """`kill`; `torn`: half of what is written, then killed; `broken`: EIO, once; `full`: ENOSPC,
    from then on."""


@dataclass
class FaultyDisk:
    fault: Fault | None = None
    calls: list[str] = field(default_factory=list[str])
    is_dead: bool = False
    _synced: dict[int, bytes | dict[str, int]] = field(
        default_factory=dict[int, bytes | dict[str, int]]
    )
    """By inode: the content of a file, or the names in a folder and their inodes."""
    _kinds: dict[int, int] = field(default_factory=dict[int, int])
    _pinned: list[int] = field(default_factory=list[int])
    """Open files: so no inode that a note speaks of is given to another."""

    @contextmanager
    def in_place(self) -> Iterator[None]:
        with pytest.MonkeyPatch.context() as patch:
            for name in CALLS:
                patch.setattr(os, name, self._stand_in(name, getattr(os, name)))
            yield

    def close(self) -> None:
        while self._pinned:
            os.close(self._pinned.pop())

    def cut_power(self, root: Path, left: Path, how: str) -> None:
        """What lies below `root`, as a power cut leaves it, in the new folder `left`.

        `how`: only what was `synced`; or all `names`, which may come to the disk early; or names
        and sizes too, with `holes` for the contents that came late.
        """
        self._leave(root.stat().st_ino, root, left, how)

    def _leave(self, inode: int, folder: Path, left: Path, how: str) -> None:
        left.mkdir()
        for name, inner in self._names(inode, folder, how).items():
            kind = self._kinds.get(inner) or (folder / name).lstat().st_mode
            if stat.S_ISDIR(kind):
                self._leave(inner, folder / name, left / name, how)
            else:
                size = (folder / name).stat().st_size if how == "holes" else 0
                (left / name).write_bytes(self._content(inner).ljust(size, b"\x00"))

    def _content(self, inode: int) -> bytes:
        content = self._synced.get(inode, b"")
        assert isinstance(content, bytes)
        return content

    def _names(self, inode: int, folder: Path, how: str) -> dict[str, int]:
        if how != "synced":
            return {path.name: path.lstat().st_ino for path in folder.iterdir()}
        known = self._synced.get(inode, {})
        assert isinstance(known, dict)
        return known

    def _stand_in(self, name: str, real: Callable[..., Any]) -> Callable[..., Any]:
        def call(*args: Any, **more: Any) -> Any:
            self.calls.append(name)
            if self.is_dead:
                raise Killed
            if self.fault is not None:
                self._fail(name, real, args)
            if name in SYNCS:
                return self._note(args[0])
            return real(*args, **more)

        return call

    def _fail(self, name: str, real: Callable[..., Any], args: tuple[Any, ...]) -> None:
        assert self.fault is not None
        n, kind = len(self.calls), self.fault.kind
        if kind == "full" and n >= self.fault.at and name in GROWS:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        if n != self.fault.at or kind == "full":
            return
        if kind == "broken":
            raise OSError(errno.EIO, os.strerror(errno.EIO))
        if kind == "torn" and name in {"write", "pwrite"}:
            fd, content, *where = args
            real(fd, content[: len(content) // 2], *where)
        self.is_dead = True
        raise Killed

    def _note(self, fd: int) -> None:
        there = os.fstat(fd)
        self._kinds[there.st_ino] = there.st_mode
        self._pinned.append(os.dup(fd))
        if stat.S_ISDIR(there.st_mode):
            self._synced[there.st_ino] = {name: self._pin(name, fd) for name in os.listdir(fd)}
        else:
            self._synced[there.st_ino] = _content(fd)

    def _pin(self, name: str, folder: int) -> int:
        fd = os.open(name, os.O_PATH | os.O_NOFOLLOW, dir_fd=folder)
        self._pinned.append(fd)
        there = os.fstat(fd)
        self._kinds[there.st_ino] = there.st_mode
        return there.st_ino


def _content(fd: int) -> bytes:
    """Files are open for writing only: read them by another way."""
    return Path(f"/proc/self/fd/{fd}").read_bytes()
