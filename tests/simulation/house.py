"""The server's machine: the real app on its data folder, killed and started again."""

import asyncio
from functools import cache
from pathlib import Path
from random import Random

from fastapi import FastAPI
from starlette.routing import BaseRoute

from agent.server.app import create_app
from agent.server.settings import ServerSettings
from tests.simulation.clocks import ServerTime
from tests.simulation.disk import Disk
from tests.simulation.exchange import App
from tests.simulation.loop import Machine, SimulationLoop
from tests.simulation.machinery import Machinery
from tests.simulation.network import Network

HOST = "server"
LAST_ANSWERS = 3.0
"""What an orderly stop gives to those who still talk."""


class House(Machinery):
    """A `Host`."""

    def __init__(self, seed: int, loop: SimulationLoop, machine: Machine, folder: Path) -> None:
        """`folder` holds the tokens already."""
        super().__init__(machine)
        self.folder = folder
        self.starts = 0
        self._seed = seed
        self._loop = loop
        self._app: FastAPI | None = None
        self._lifespan: asyncio.Task[None] | None = None
        self._up_since: float | None = None
        self._was_up = 0.0
        self._stop = asyncio.Event()

    @property
    def uptime(self) -> float:
        """Seconds that the server has run, all its starts together."""
        since = self._up_since
        return self._was_up + (0.0 if since is None else self._loop.true_time() - since)

    @property
    def app(self) -> App | None:
        return self._app

    async def boot(self, clock_jump: float = 0.0) -> None:
        self.starts += 1
        settings = ServerSettings(
            folder=self.folder, poll_wait_s=50.0, reserve_bytes=0, sweep_every_s=15.0
        )
        app = create_app(
            settings,
            clock=ServerTime(self._loop, clock_jump),
            rng=Random(f"{self._seed}/server/{self.starts}"),
        )
        # What FastAPI has worked out for a route serves every start of the server.
        app.router.routes = _routes()
        self._stop = asyncio.Event()
        is_up = asyncio.Event()

        async def live() -> None:
            async with app.state.server.lifespan():
                self._app = app
                self._up_since = self._loop.true_time()
                is_up.set()
                await self._stop.wait()
                app.state.server.stop_waiting()

        self.is_off = False
        self._lifespan = self.machine.start(live())
        await asyncio.wait(
            {self._lifespan, asyncio.ensure_future(is_up.wait())},
            return_when=asyncio.FIRST_COMPLETED,
        )
        if self._lifespan.done():
            self._lifespan.result()

    async def stop(self, network: Network) -> None:
        """What SIGTERM does."""
        app = self._app
        self._go_down()
        if app is not None:
            app.state.server.stop_waiting()
        if self._tasks:
            await asyncio.wait(self._tasks, timeout=LAST_ANSWERS)
        network.break_off(HOST, is_silent=False)
        await self._end(self._tasks)
        self._stop.set()
        await asyncio.wait(self._living())

    async def die(self, network: Network, disk: Disk, cut: Random | None) -> None:
        """At this instant. With `cut` the power fails, and nobody's kernel says goodbye."""
        after = self.folder.with_name(f"server-{self.starts + 1}")
        if cut is None:
            disk.after_crash(self.folder, after)
        else:
            disk.after_power_cut(self.folder, after, cut)
            self.is_off = True
        self.folder = after
        self._go_down()
        network.break_off(HOST, is_silent=cut is not None)
        await self._end((*self._tasks, *self._living()))

    def _go_down(self) -> None:
        self._was_up, self._up_since, self._app = self.uptime, None, None

    def _living(self) -> tuple["asyncio.Task[None]", ...]:
        return () if self._lifespan is None else (self._lifespan,)


@cache
def _routes() -> list[BaseRoute]:
    return create_app(ServerSettings(folder=Path())).router.routes
