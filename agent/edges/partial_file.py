"""An input on its way to the disk: taken in batches, each written by a thread of its own."""

import asyncio
import threading
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

from agent.edges.durable import disk_errors
from agent.edges.part_on_disk import PartOnDisk
from agent.model.ids import Bytes, Digest

BATCH = 1024 * 1024
"""Larger batches cost more: each pins its pages until it is written."""

T = TypeVar("T")


class PartialFile:
    """The `Partial` port. Call `close` at the end."""

    def __init__(self, part: PartOnDisk) -> None:
        self._part = part
        # A cancelled call leaves its thread at work: nobody may close the file under it.
        self._busy = threading.Lock()
        self._taken: list[bytes] = []
        self._taken_size = 0

    @property
    def length(self) -> Bytes:
        return Bytes(self._part.length + self._taken_size)

    @property
    def etag(self) -> str | None:
        return self._part.etag

    @property
    def is_sealed(self) -> bool:
        return self._part.is_sealed

    async def restart(self, etag: str | None) -> None:
        self._taken, self._taken_size = [], 0
        await self._in_thread(lambda: self._part.restart(etag))

    async def append(self, chunk: bytes) -> None:
        self._taken.append(chunk)
        self._taken_size += len(chunk)
        if self._taken_size >= BATCH:
            await self.flush()

    async def flush(self) -> None:
        taken, self._taken, self._taken_size = self._taken, [], 0
        if taken:
            await self._in_thread(lambda: self._part.write(taken))

    async def digest(self) -> Digest:
        await self.flush()
        return await self._in_thread(self._part.digest)

    async def seal(self) -> Path:
        """Sync everything, give it its final name, and return that."""
        await self.flush()
        return await self._in_thread(self._part.seal)

    def close(self) -> None:
        self._part.interrupt()
        with self._busy:
            self._part.close()

    async def _in_thread(self, work: Callable[[], T]) -> T:
        with disk_errors("the input"):
            return await asyncio.to_thread(self._alone, work)

    def _alone(self, work: Callable[[], T]) -> T:
        with self._busy:
            return work()
