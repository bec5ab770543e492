"""The store: opens the data folder for one process, runs operations on it, tells what changed."""

import asyncio
import fcntl
import os
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

from agent.server.clock import Clock
from agent.server.queue.values import Numbers
from agent.server.store import upkeep
from agent.server.store.schema import open_database
from agent.server.store.transaction import Transaction
from agent.server.store.writer import Writer

T = TypeVar("T")
LOCK = "server.lock"


class FolderInUseError(Exception):
    """Another server process owns the data folder."""


class Store:
    def __init__(self, writer: Writer, lock: int) -> None:
        self._writer = writer
        self._lock = lock

    @classmethod
    async def open(
        cls,
        folder: Path,
        clock: Clock,
        numbers: Numbers,
        on_commit: Callable[[Transaction], None],
    ) -> "Store":
        lock = await asyncio.to_thread(_own, folder)
        try:
            db = await asyncio.to_thread(open_database, folder)
        except BaseException:
            os.close(lock)
            raise
        store = cls(Writer(db, clock, numbers, on_commit), lock)
        await store.run(upkeep.start)
        return store

    async def run(self, work: Callable[[Transaction], T]) -> T:
        """The result of one operation, once it is on disk."""
        return await self._writer.run(work)

    def close(self) -> None:
        self._writer.close()
        os.close(self._lock)


def _own(folder: Path) -> int:
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
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
