"""Runs something asynchronous in a thread of its own, for tests of what blocks."""

import asyncio
import threading
from collections.abc import Iterator
from contextlib import AbstractAsyncContextManager, contextmanager
from queue import SimpleQueue
from typing import TypeVar

T = TypeVar("T")


@contextmanager
def background(made: AbstractAsyncContextManager[T]) -> Iterator[T]:
    values: SimpleQueue[T] = SimpleQueue()
    stops: SimpleQueue[tuple[asyncio.AbstractEventLoop, asyncio.Event]] = SimpleQueue()

    async def run() -> None:
        end = asyncio.Event()
        async with made as value:
            stops.put((asyncio.get_running_loop(), end))
            values.put(value)
            await end.wait()

    thread = threading.Thread(target=lambda: asyncio.run(run()), daemon=True)
    thread.start()
    value = values.get(timeout=10)
    loop, end = stops.get(timeout=10)
    try:
        yield value
    finally:
        loop.call_soon_threadsafe(end.set)
        thread.join(10)
