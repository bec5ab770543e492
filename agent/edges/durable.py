"""Files that survive a power cut: written, synced, renamed, and the folder synced too."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from errno import EDQUOT, ENOSPC
from pathlib import Path

from agent.model.errors import DiskFullError, SpoolError


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
    draft = path.with_name(path.name + ".new")
    fd = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(fd, "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    draft.replace(path)
    sync_folder(path.parent)


def sync_folder(folder: Path) -> None:
    """Make renames and new names in `folder` last."""
    fd = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)
