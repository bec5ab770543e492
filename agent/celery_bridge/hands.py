"""A few threads for calls that block: the result backend waits for its server, however long."""

import asyncio
import threading
from collections.abc import Callable
from concurrent.futures import Future
from queue import SimpleQueue
from typing import TypeVar

Result = TypeVar("Result")
COUNT = 8


class Hands:
    """Unlike those of an executor, these threads keep nobody from ending."""

    def __init__(self, count: int = COUNT) -> None:
        self._calls: SimpleQueue[Callable[[], None]] = SimpleQueue()
        for number in range(count):
            threading.Thread(target=self._work, name=f"hand-{number}", daemon=True).start()

    async def run(self, call: Callable[[], Result]) -> Result:
        future: Future[Result] = Future()
        self._calls.put(lambda: _fulfil(future, call))
        return await asyncio.wrap_future(future)

    def _work(self) -> None:
        while True:
            self._calls.get()()


def _fulfil(future: "Future[Result]", call: Callable[[], Result]) -> None:
    if not future.set_running_or_notify_cancel():
        return
    try:
        result = call()
    except BaseException as error:  # noqa: BLE001 - handed on to whoever waits
        future.set_exception(error)
    else:
        future.set_result(result)
