"""Noticing that the process is told to stop, for an app that is mounted in another.

ASGI has no word for it: a parent's lifespan ends only after its server has waited for the open
connections, and parked polls are open connections. The signal comes earlier.
"""

import asyncio
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType

SIGNALS = (signal.SIGTERM, signal.SIGINT)


@contextmanager
def told_of_signals(tell: Callable[[], None]) -> Iterator[None]:
    """Calls `tell` on the running loop at SIGTERM or SIGINT, beside whoever handles them already.

    Signals belong to the main thread: a server that runs in another one is not told.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    loop = asyncio.get_running_loop()
    undo = [_chain(number, loop, tell) for number in SIGNALS]
    try:
        yield
    finally:
        for step in undo:
            step()


def _chain(
    number: signal.Signals, loop: asyncio.AbstractEventLoop, tell: Callable[[], None]
) -> Callable[[], None]:
    before = signal.getsignal(number)

    def told(arrived: int, frame: FrameType | None) -> None:
        loop.call_soon_threadsafe(tell)
        if callable(before):
            before(arrived, frame)

    def undo() -> None:
        if signal.getsignal(number) is told:
            signal.signal(number, before)

    # Where nobody handles it, the signal keeps its ordinary effect, and there is nothing to tell.
    if callable(before):
        signal.signal(number, told)
    return undo
