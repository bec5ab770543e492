"""The folder that a box may write, and what is taken from there: nothing in it is trusted."""

import os
import stat
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO

from agent.model.ids import Bytes
from agent.model.work import Task
from agent.pipelines.box.tree import remove_tree
from agent.pipelines.errors import MediaUnreadableError, PipelineError, TooLargeError

_UNLIKELY_TO_WAIT = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
_OURS_ALONE = 0o600


@contextmanager
def scratch_of(task: Task) -> Iterator[Path]:
    """An empty folder on the disk of the task's results; it is gone afterwards."""
    folder = Path(tempfile.mkdtemp(prefix=".scratch-", dir=task.output))
    try:
        yield folder
    finally:
        remove_tree(folder)


def opened(scratch: Path, name: str, limit: Bytes | None = None) -> BinaryIO:
    """A plain file that a box has written, of at most `limit` bytes, and no link to another.

    Raises `MediaUnreadableError` or `TooLargeError`.
    """
    if "/" in name or "\0" in name or name in {"", ".", ".."}:
        raise MediaUnreadableError(f"the reader named {name[:60]!r} as its result.")
    try:
        descriptor = os.open(scratch / name, _UNLIKELY_TO_WAIT)
    except (OSError, ValueError) as error:
        raise MediaUnreadableError(f"the reader left no {name[:60]!r}.") from error
    try:
        _check(os.fstat(descriptor), name, limit)
    except PipelineError:
        os.close(descriptor)
        raise
    return os.fdopen(descriptor, "rb")


def taken(
    scratch: Path, name: str, output: Path, final_name: str, limit: Bytes | None = None
) -> Path:
    """Move a plain file that a box has written to where results go, both on one disk.

    Raises `MediaUnreadableError`, `TooLargeError` or `OSError`.
    """
    target = output / final_name
    with opened(scratch, name, limit) as file:
        os.fchmod(file.fileno(), _OURS_ALONE)
        (scratch / name).rename(target)
        if not _is_that(target, file):
            with suppress(FileNotFoundError):
                target.unlink()
            raise MediaUnreadableError(f"{name[:60]!r} was exchanged while it was taken.")
    return target


def _check(found: os.stat_result, name: str, limit: Bytes | None) -> None:
    if not stat.S_ISREG(found.st_mode) or found.st_nlink != 1:
        raise MediaUnreadableError(f"the reader left something else than a file as {name[:60]!r}.")
    if limit is not None and found.st_size > limit:
        mib = limit / 1024**2
        raise TooLargeError(f"reading this file leaves more than {mib:.3g} MiB in {name[:60]!r}.")


def _is_that(path: Path, file: BinaryIO) -> bool:
    found, expected = path.lstat(), os.fstat(file.fileno())
    return os.path.samestat(found, expected) and found.st_nlink == 1
