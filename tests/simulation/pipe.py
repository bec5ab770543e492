"""One direction of a connection: bytes in order, backpressure, an end, a cut, or silence."""

import asyncio
from collections import deque

ROOM = 64 * 1024


class CutError(Exception):
    """The connection was reset."""


class Pipe:
    def __init__(self) -> None:
        self._chunks: deque[bytes] = deque()
        self._size = 0
        self._is_over = False
        self._is_cut = False
        self._is_silent = False
        self._news = asyncio.Event()

    async def put(self, chunk: bytes) -> None:
        """Wait for room. Raises `CutError`; into a silent line it fits until the room is full."""
        while self._size >= ROOM and not self._is_cut:
            await self._change()
        if self._is_cut:
            raise CutError
        self._chunks.append(chunk)
        self._size += len(chunk)
        self._tell()

    async def get(self) -> bytes | None:
        """None at the end. Raises `CutError`."""
        while True:
            if self._is_silent and not self._is_cut:
                await self._change()
                continue
            if self._chunks:
                chunk = self._chunks.popleft()
                self._size -= len(chunk)
                self._tell()
                return chunk
            if self._is_cut:
                raise CutError
            if self._is_over:
                return None
            await self._change()

    def end(self) -> None:
        self._is_over = True
        self._tell()

    def cut(self) -> None:
        """Nothing that was on the way arrives."""
        self._chunks.clear()
        self._is_cut = True
        self._tell()

    def silence(self) -> None:
        """Nothing arrives any more, and nobody is told."""
        self._is_silent = True

    def _tell(self) -> None:
        self._news.set()
        self._news = asyncio.Event()

    async def _change(self) -> None:
        await self._news.wait()
