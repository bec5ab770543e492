"""The folder that a box may write, and what is taken from there: nothing in it is trusted."""

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from agent.model.work import Task
from agent.pipelines.errors import MediaUnreadableError


@contextmanager
def scratch_of(task: Task) -> Iterator[Path]:
    """An empty folder on the disk of the task's results; it is gone afterwards."""
    with tempfile.TemporaryDirectory(prefix=".scratch-", dir=task.output) as folder:
        yield Path(folder)


def opened(scratch: Path, name: str) -> BinaryIO:
    """A file that a box has written, and no link to anything else."""
    if os.sep in name or name in {"", ".", ".."}:
        raise MediaUnreadableError(f"the reader named {name[:60]!r} as its result.")
    try:
        handle = os.open(scratch / name, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
    except OSError as error:
        raise MediaUnreadableError(f"the reader left no {name[:60]!r}.") from error
    return os.fdopen(handle, "rb")
