"""Files that a creator names on the server's own disk: none outside of the configured folders.

The path is resolved first, then walked from the folder down without following a single link: what
somebody puts in its place in between is refused, not followed.
"""

import asyncio
import os
import stat
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NoReturn

from agent.server.problems import ProblemError
from agent.wire.problems import ProblemCode

BLOCK = 1024 * 1024
_OPEN = os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC
_ABSENT = (FileNotFoundError, NotADirectoryError)


@dataclass(frozen=True, slots=True)
class Source:
    """A regular file, open; whoever has it closes it."""

    handle: int
    filename: str
    size: int
    changed_at: int

    def is_unchanged(self) -> bool:
        now = os.fstat(self.handle)
        return (now.st_size, now.st_mtime_ns) == (self.size, self.changed_at)

    def close(self) -> None:
        os.close(self.handle)


def open_source(named: str, folders: Sequence[Path], but_not: Path) -> Source:
    """Blocks. Raises the refusal that the creator is told."""
    if not folders:
        _refuse("this server takes no files from its disk: name their folders (input_folders)")
    if not named.startswith("/") or "\0" in named:
        raise ProblemError(ProblemCode.INVALID, "source_file_path must be an absolute path")
    real = Path(os.path.realpath(named))
    root = next((root for f in folders if real.is_relative_to(root := _real(f))), None)
    if root is None or real.is_relative_to(_real(but_not)):
        _refuse(
            "source_file_path lies in none of the folders that this server takes inputs from"
            " (input_folders)"
        )
    try:
        handle = _open_below(root, real.relative_to(root).parts)
    except _ABSENT:
        raise ProblemError(
            ProblemCode.INVALID, "there is no file at source_file_path", status=404
        ) from None
    except OSError as error:
        _refuse(f"the file at source_file_path cannot be read: {error.strerror}")
    return _regular(handle, Path(named).name)


def _real(folder: Path) -> Path:
    return Path(os.path.realpath(folder))


def _refuse(detail: str) -> NoReturn:
    raise ProblemError(ProblemCode.FORBIDDEN, detail) from None


def _open_below(root: Path, parts: Sequence[str]) -> int:
    at = os.open(root, _OPEN | os.O_DIRECTORY)
    try:
        for name in parts[:-1]:
            at, above = os.open(name, _OPEN | os.O_DIRECTORY, dir_fd=at), at
            os.close(above)
        last = parts[-1] if parts else "."
        if not stat.S_ISREG(os.stat(last, dir_fd=at, follow_symlinks=False).st_mode):
            # To open a device can do something, and a pipe without a writer waits for one.
            raise ProblemError(ProblemCode.INVALID, "source_file_path is not a regular file")
        return os.open(last, _OPEN | os.O_NONBLOCK, dir_fd=at)
    finally:
        os.close(at)


def _regular(handle: int, filename: str) -> Source:
    found = os.fstat(handle)
    if not stat.S_ISREG(found.st_mode):
        os.close(handle)
        raise ProblemError(ProblemCode.INVALID, "source_file_path is not a regular file")
    return Source(handle, filename, found.st_size, found.st_mtime_ns)


async def blocks(source: Source) -> AsyncIterator[bytes]:
    """Its bytes, the last of them only if nobody has written to the file meanwhile."""
    await asyncio.to_thread(os.lseek, source.handle, 0, os.SEEK_SET)
    left = source.size
    while left > 0:
        block = await asyncio.to_thread(_read, source, min(BLOCK, left))
        left -= len(block)
        if not block or (left == 0 and not source.is_unchanged()):
            raise ProblemError(
                ProblemCode.INVALID,
                "the file at source_file_path is being written to: create the job when it is whole",
                status=409,
            )
        yield block


def _read(source: Source, size: int) -> bytes:
    try:
        return os.read(source.handle, size)
    except OSError as error:
        _refuse(f"the file at source_file_path cannot be read: {error.strerror}")
