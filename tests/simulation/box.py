"""An agent's machine: its process runs on the spool, dies, and is started again."""

import asyncio
import os
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from random import Random

import httpx

from agent.edges.clock import SystemClock
from agent.edges.downloads import HttpInputSource
from agent.edges.http import Connection, Sockets
from agent.edges.manner import Manner
from agent.edges.native_server import Identity, NativeServer
from agent.edges.spool import DiskSpool
from agent.edges.tus import TusClient
from agent.edges.uploads import TusArtifactSink
from agent.model.hardware import Hardware
from agent.model.ids import AgentId, BootId, Bytes, Seconds
from agent.model.restraint import Restraint, Rung
from agent.ports import Introduction
from agent.runtime.agent import Agent
from agent.runtime.dialects import Dialect
from agent.runtime.introduced import IntroducedServer
from agent.runtime.tools import Policy, Tools
from agent.wire.base import BOOT_HEADER
from tests.fakes.display import FakeDisplay
from tests.simulation import house
from tests.simulation.chronicle import Chronicle
from tests.simulation.clocks import wall
from tests.simulation.disk import Disk
from tests.simulation.loop import Machine
from tests.simulation.network import Network
from tests.simulation.pool import SimulatedPool
from tests.simulation.story import AgentStory, JobStory, Story
from tests.simulation.wire import Wire

HARDWARE = Hardware(
    cpu_cores=4, memory=Bytes(1 << 34), disk_free=Bytes(1 << 40), gpus=(), hostname="box"
)
TASK_TIMEOUT = Seconds(900.0)
DOWNLOAD_TIMEOUT = Seconds(3600.0)
CHECKPOINT = 64 * 1024
"""Of an input: several times in most of them."""
STOP_PATIENCE = 15.0
"""After this long a service manager kills what it has asked to stop."""


@dataclass(frozen=True, slots=True)
class Around:
    """The world that all boxes share."""

    story: Story
    network: Network
    ledger: Chronicle
    disk: Disk
    folder: Path


class Box:
    manner = Manner()
    """How the server is spoken to."""

    def __init__(self, agent: AgentStory, token: str, machine: Machine, around: Around) -> None:
        self.name = agent.name
        self.slots = agent.slots
        self.machine = machine
        self.spool_folder = around.folder / f"{agent.name}-0"
        self.process = ""
        """Its name on the wire: `attic/2`. Empty while none runs."""
        self._story = around.story
        self._token = token
        self._network = around.network
        self._ledger = around.ledger
        self._disk = around.disk
        self._starts = 0
        self._machine_boots = 1
        self._agent: Agent | None = None
        self._restraints: dict[str, Restraint] = {}
        self._task: asyncio.Task[None] | None = None
        self._spool: DiskSpool | None = None
        self._pool: SimulatedPool | None = None

    @property
    def is_up(self) -> bool:
        return self._task is not None and not self._task.done()

    @property
    def holds_jobs(self) -> bool:
        held = self.spool_folder / "held"
        return held.is_dir() and any(held.iterdir())

    def boot(self) -> None:
        self._starts += 1
        self.process = f"{self.name}/{self._starts}"
        self._task = self.machine.start(self._run(self.process))

    async def die(self, cut: Random | None) -> None:
        """At this instant; with `cut` the power fails."""
        task, spool = self._task, self._spool
        process, self.process = self.process, ""
        self._network.dead.add(process)
        self._network.hang_up(process, is_silent=cut is not None)
        after = self.spool_folder.with_name(f"{self.name}-{self._starts}")
        if self.spool_folder.is_dir():
            if cut is None:
                self._disk.after_crash(self.spool_folder, after)
            else:
                self._disk.after_power_cut(self.spool_folder, after, cut)
        self.spool_folder = after
        self._machine_boots += cut is not None
        if self._pool is not None:
            self._pool.is_dead = True
        self._ledger.ended(process)
        self.machine.resume()
        if task is not None:
            task.cancel()
            await asyncio.wait({task})
        if spool is not None:
            with suppress(OSError):
                spool.close()
        self._task = self._spool = None

    async def stop(self) -> None:
        """What a service manager does."""
        self.machine.resume()
        if self._agent is not None:
            self._agent.on_terminate()
        if self._task is not None:
            _, late = await asyncio.wait({self._task}, timeout=STOP_PATIENCE)
            if late:
                self._ledger.blame(f"{self.process} did not stop in {STOP_PATIENCE:g} s")
        await self.die(None)

    def restrain(self, source: str, rung: Rung) -> None:
        """For every start from now on; `WORK` ends it."""
        self._restraints.pop(source, None)
        restraint = None if rung is Rung.WORK else Restraint(rung=rung, why="a game")
        if restraint is not None:
            self._restraints[source] = restraint
        if self._agent is not None and self.is_up:
            self._agent.board.restrain(source, restraint)

    def suspend(self) -> None:
        self.machine.suspend()
        self._network.hang_up(self.process, is_silent=True)

    async def _run(self, process: str) -> None:
        try:
            await self._live(process)
        except asyncio.CancelledError:
            raise
        except BaseException as error:  # noqa: BLE001 - judged
            if process == self.process:
                self._ledger.blame(f"{process} ended with {error!r}: {_leaves(error)}")

    async def _live(self, process: str) -> None:
        loop = self._network.loop
        connection = Connection(
            f"http://{house.HOST}",
            self._token,
            sockets=Sockets(now=loop.true_time, transport=lambda: self._wire(process)),
            manner=self.manner,
        )
        self._spool = spool = DiskSpool(
            self.spool_folder,
            wall=lambda: wall(loop),
            machine_boot=f"{self.name}-{self._machine_boots}",
            checkpoint=CHECKPOINT,
        )
        jobs = {job.name: job for job in self._story.jobs}
        self._pool = self._pool_of(process, jobs)
        spoken = self._speak(connection, process)
        tools = Tools(
            server=IntroducedServer(spoken.server, self._introduction(), spool),
            source=spoken.source,
            sink=spoken.sink,
            spool=spool,
            pool=self._pool,
            clock=SystemClock(),
            display=FakeDisplay(),
            rng=Random(f"{self._story.seed}/{process}"),
        )
        self._agent = Agent(tools, self._policy())
        for source, restraint in self._restraints.items():
            self._agent.board.restrain(source, restraint)
        try:
            await self._agent.run()
        finally:
            await connection.close()

    def _pool_of(self, process: str, jobs: dict[str, JobStory]) -> SimulatedPool:
        return SimulatedPool(process, self.machine, jobs, self._ledger, self.slots)

    def _speak(self, connection: Connection, process: str) -> Dialect:
        boot_id = BootId(os.fsencode(f"{self._story.seed}/{process}").hex())
        identity = Identity(agent_id=AgentId(self.name), boot_id=boot_id)
        header = {BOOT_HEADER: boot_id}
        return Dialect(
            "native",
            NativeServer(
                connection, identity, hardware=lambda: HARDWARE, health=lambda: {"ok": True}
            ),
            HttpInputSource(connection, header),
            TusArtifactSink(TusClient(connection, header)),
        )

    def _wire(self, process: str) -> httpx.AsyncBaseTransport:
        return Wire(self._network, process)

    def _introduction(self) -> Introduction:
        return Introduction(
            name=self.name,
            version="1",
            capability="gpu",
            content_types=("audio",),
            queues=("gpu_priority",),
            slots=self.slots,
            boot_seq=0,
        )

    def _policy(self) -> Policy:
        return Policy(
            slots=self.slots,
            max_input=Bytes(1 << 30),
            disk_reserve=Bytes(0),
            task_timeout=TASK_TIMEOUT,
            download_timeout=DOWNLOAD_TIMEOUT,
            renew_every=Seconds(30.0),
            stop_grace=Seconds(8.0),
        )


def _leaves(error: BaseException) -> str:
    if isinstance(error, BaseExceptionGroup):
        return ", ".join(_leaves(one) for one in error.exceptions)
    return f"{type(error).__name__}({error})"
