"""The store: opens the data folder for one process, runs operations on it, tells what changed."""

import asyncio
import errno
import fcntl
import os
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TypeVar

from agent.server.clock import Clock
from agent.server.problems import ProblemError
from agent.server.queue.values import Numbers
from agent.server.store import upkeep
from agent.server.store.schema import DATABASE, open_database, prepare_folder
from agent.server.store.transaction import Transaction
from agent.server.store.writer import Writer
from agent.wire.problems import ProblemCode

T = TypeVar("T")
LOCK = "server.lock"


class FolderInUseError(Exception):
    """Another server process owns the data folder."""


class DataFolderError(OSError):
    """The data folder is ours, but cannot be read or written now."""


class DiskFullError(DataFolderError):
    """Not even the few bytes fit that a start needs."""


class Store:
    def __init__(self, writer: Writer, lock: int, *, is_new: bool) -> None:
        self._writer = writer
        self._lock = lock
        self.is_new = is_new
        """Nobody has used the data folder before."""

    @classmethod
    async def open(
        cls,
        folder: Path,
        clock: Clock,
        numbers: Numbers,
        on_commit: Callable[[Transaction], None],
    ) -> "Store":
        """Raises `FolderInUseError`, `SchemaError`, `sqlite3.Error`, `OSError`.

        A full disk is always `DiskFullError`, which is an `OSError`.
        """
        with full_disk_named(folder):
            lock = await asyncio.to_thread(_own, folder)
            try:
                is_new = not (folder / DATABASE).exists()
                db = await asyncio.to_thread(open_database, folder)
            except BaseException:
                os.close(lock)
                raise
            store = cls(Writer(db, clock, numbers, on_commit), lock, is_new=is_new)
            try:
                await store.run(upkeep.start)
            except BaseException:
                store.close()
                raise
            return store

    async def run(self, work: Callable[[Transaction], T]) -> T:
        """The result of one operation, once it is on disk."""
        return await self._writer.run(work)

    def close(self) -> None:
        self._writer.close()
        os.close(self._lock)


@contextmanager
def full_disk_named(folder: Path) -> Iterator[None]:
    """Outside of a call there is nobody to refuse: what goes wrong is the data folder's trouble."""
    try:
        yield
    except (ProblemError, sqlite3.Error, OSError) as error:
        if _is_full(error):
            detail = f"the disk under {folder} is full: make room, then start again"
            raise DiskFullError(detail) from error
        if isinstance(error, ProblemError):
            raise DataFolderError(str(error)) from error
        raise


def _is_full(error: ProblemError | sqlite3.Error | OSError) -> bool:
    if isinstance(error, ProblemError):
        return error.problem.code is ProblemCode.DISK_FULL
    if isinstance(error, OSError):
        return error.errno in {errno.ENOSPC, errno.EDQUOT}
    return getattr(error, "sqlite_errorcode", None) == sqlite3.SQLITE_FULL


def _own(folder: Path) -> int:
    prepare_folder(folder)
    lock = os.open(folder / LOCK, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(lock)
        raise FolderInUseError(
            f"the data folder {folder} is in use by another server process; "
            "stop that one first, or give this one a folder of its own"
        ) from None
    return lock
