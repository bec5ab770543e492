"""Files that survive a power cut: written, synced, renamed, and the folder synced too.

No file is written or read through a link in its place.
"""

import os
import shutil
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from errno import EDQUOT, ENOSPC
from pathlib import Path

from agent.model.errors import DiskFullError, SpoolError

PRIVATE_FILE = 0o600
PRIVATE_FOLDER = 0o700
DRAFT = ".new"
"""Ends the name of a file that is not yet whole."""


class NotAFileError(ValueError):
    """A link, a folder, a pipe or too large a file lies where one of ours belongs."""


@contextmanager
def disk_errors(what: str) -> Iterator[None]:
    """Turn what the system says about a file into our words."""
    try:
        yield
    except OSError as error:
        if error.errno in {ENOSPC, EDQUOT}:
            raise DiskFullError(f"no space left on the disk for {what}") from error
        raise SpoolError(f"cannot use {what}: {error.strerror or error}") from error


def write_whole(path: Path, content: bytes) -> None:
    """Put `content` at `path` so that a crash leaves either the old or the new file."""
    draft = path.with_name(path.name + DRAFT)
    fd = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW, PRIVATE_FILE)
    try:
        _write_all(fd, content)
        os.fsync(fd)
    finally:
        os.close(fd)
    draft.replace(path)
    sync_folder(path.parent)


def read_whole(path: Path, limit: int) -> bytes:
    """The content of a plain file of at most `limit` bytes; `NotAFileError` for anything else."""
    if not is_plain_file(path):
        raise NotAFileError(f"{path.name} is no plain file")
    fd = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
    with os.fdopen(fd, "rb") as file:
        content = file.read(limit + 1)
    if len(content) > limit:
        raise NotAFileError(f"{path.name} is over {limit} bytes")
    return content


def is_plain_file(path: Path) -> bool:
    """False for a link to one. Raises `FileNotFoundError`."""
    return stat.S_ISREG(path.lstat().st_mode)


def is_own_folder(path: Path) -> bool:
    """False for a link to one. Raises `FileNotFoundError`."""
    return stat.S_ISDIR(path.lstat().st_mode)


def make_root(path: Path) -> None:
    """A folder of ours with all above it, so that they last; fine if it is there."""
    new = [one for one in (path, *path.parents) if not one.exists()]
    path.mkdir(mode=PRIVATE_FOLDER, parents=True, exist_ok=True)
    for one in new:
        # Not every folder above lets us look into it.
        with suppress(OSError):
            sync_folder(one.parent)


def make_folder(path: Path) -> None:
    """An empty folder of ours, not yet synced."""
    path.mkdir(mode=PRIVATE_FOLDER)


def move(source: Path, target: Path) -> None:
    """Rename so that it lasts; nothing may lie at `target`."""
    source.rename(target)
    # The new name first: a power cut in between leaves two names rather than none.
    sync_folder(target.parent)
    sync_folder(source.parent)


def erase(path: Path) -> None:
    """Remove a file, a link or a whole folder, if it is there."""
    if not os.path.lexists(path):
        return
    if is_own_folder(path):
        shutil.rmtree(path)
    else:
        path.unlink()


def sync_folder(folder: Path) -> None:
    """Make renames and new names in `folder` last."""
    fd = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)


def _write_all(fd: int, content: bytes) -> None:
    view = memoryview(content)
    while view:
        view = view[os.write(fd, view) :]
