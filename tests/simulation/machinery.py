"""A machine on which a server's process runs: what the process was doing ends with it."""

import asyncio
from collections.abc import Coroutine, Iterable
from typing import Any

from tests.simulation.loop import Machine


class Machinery:
    def __init__(self, machine: Machine) -> None:
        self.machine = machine
        self.is_off = False
        self._tasks: set[asyncio.Task[None]] = set()

    def start(self, work: Coroutine[Any, Any, None]) -> "asyncio.Task[None]":
        task = self.machine.start(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task

    async def _end(self, tasks: Iterable["asyncio.Task[None]"]) -> None:
        self.machine.resume()
        ending = sorted(tasks, key=hash)
        for task in ending:
            task.cancel()
        if ending:
            await asyncio.wait(ending)
