"""An input on its way to the disk: taken in batches, hashed on the way, synced at the end."""

import asyncio
import hashlib
import os
import threading
from pathlib import Path

from agent.edges.durable import disk_errors, sync_folder
from agent.model.ids import Bytes, Digest

BATCH = 1024 * 1024
"""Larger batches cost more: each pins its pages until it is written."""


class PartialFile:
    """The `Partial` port on one file. Call `close` at the end."""

    def __init__(self, path: Path) -> None:
        self._path = path
        # A cancelled call leaves its thread at work: nobody may close the file under it.
        self._busy = threading.Lock()
        self._fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW, 0o600)
        self._hash = hashlib.sha256()
        self._taken: list[bytes] = []
        self._taken_size = 0
        self._written = 0
        self._etag: str | None = None

    @property
    def length(self) -> Bytes:
        return Bytes(self._written + self._taken_size)

    @property
    def etag(self) -> str | None:
        return self._etag

    async def restart(self, etag: str | None) -> None:
        self._taken, self._taken_size, self._written = [], 0, 0
        self._hash = hashlib.sha256()
        self._etag = etag
        with disk_errors("the input"):
            await asyncio.to_thread(self._truncate)

    async def append(self, chunk: bytes) -> None:
        self._taken.append(chunk)
        self._taken_size += len(chunk)
        if self._taken_size >= BATCH:
            await self.flush()

    async def flush(self) -> None:
        taken, self._taken, self._taken_size = self._taken, [], 0
        if not taken:
            return
        with disk_errors("the input"):
            await asyncio.to_thread(self._write, taken)

    async def digest(self) -> Digest:
        await self.flush()
        return Digest(self._hash.hexdigest())

    async def seal(self, path: Path) -> None:
        """Sync everything and give it its final name."""
        await self.flush()
        with disk_errors("the input"):
            await asyncio.to_thread(self._seal, path)

    def close(self) -> None:
        with self._busy:
            if self._fd >= 0:
                os.close(self._fd)
                self._fd = -1

    def _truncate(self) -> None:
        with self._busy:
            os.ftruncate(self._fd, 0)

    def _write(self, chunks: list[bytes]) -> None:
        with self._busy:
            digest, at = self._hash.copy(), self._written
            for chunk in chunks:
                digest.update(chunk)
                view = memoryview(chunk)
                while view:
                    count = os.pwrite(self._fd, view, at)
                    view, at = view[count:], at + count
            # Only what is written counts, whatever breaks in between.
            self._hash, self._written = digest, at

    def _seal(self, path: Path) -> None:
        with self._busy:
            os.fsync(self._fd)
        self._path.rename(path)
        sync_folder(path.parent)
