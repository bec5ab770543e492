"""The MoRAG server's machine: its process dies and is started again; its files stay.

Never by a power cut: MoRAG syncs nothing, so what it knew then is anybody's guess.
"""

import asyncio
from collections.abc import Coroutine
from random import Random
from typing import Any

from tests.simulation.disk import Disk
from tests.simulation.exchange import App
from tests.simulation.house import HOST, LAST_ANSWERS
from tests.simulation.loop import Machine
from tests.simulation.morag.remote import Remote
from tests.simulation.network import Network


class MoragHouse:
    """A `Host`."""

    def __init__(self, machine: Machine, remote: Remote) -> None:
        self.machine = machine
        self.is_off = False
        self._remote = remote
        self._app: App | None = None
        self._tasks: set[asyncio.Task[None]] = set()

    @property
    def app(self) -> App | None:
        return self._app

    def start(self, work: Coroutine[Any, Any, None]) -> "asyncio.Task[None]":
        task = self.machine.start(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task

    async def boot(self, _clock_jump: float = 0.0) -> None:
        self.is_off = False
        self._app = self._remote

    async def stop(self, network: Network) -> None:
        self._app = None
        if self._tasks:
            await asyncio.wait(self._tasks, timeout=LAST_ANSWERS)
        await self.die(network, Disk(), None)

    async def die(self, network: Network, _disk: Disk, cut: Random | None) -> None:
        self._app = None
        self.is_off = cut is not None
        network.break_off(HOST, is_silent=cut is not None)
        self.machine.resume()
        ending = sorted(self._tasks, key=hash)
        for task in ending:
            task.cancel()
        if ending:
            await asyncio.wait(ending)
