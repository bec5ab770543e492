"""The MoRAG server's machine: its process dies and is started again; its files stay.

Never by a power cut: MoRAG syncs nothing, so what it knew then is anybody's guess.
"""

import asyncio
from random import Random

from tests.simulation.disk import Disk
from tests.simulation.exchange import App
from tests.simulation.house import HOST, LAST_ANSWERS
from tests.simulation.loop import Machine
from tests.simulation.machinery import Machinery
from tests.simulation.morag.remote import Remote
from tests.simulation.network import Network


class MoragHouse(Machinery):
    """A `Host`."""

    def __init__(self, machine: Machine, remote: Remote) -> None:
        super().__init__(machine)
        self._remote = remote
        self._app: App | None = None

    @property
    def app(self) -> App | None:
        return self._app

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
        await self._end(self._tasks)
