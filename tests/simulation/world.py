"""One seed, from its first request to the verdict."""

import asyncio
import json
import logging
import sqlite3
from collections.abc import Callable
from contextlib import closing
from functools import cache
from pathlib import Path

from agent.server.tokens import TokenKind, create_token
from tests.simulation import edge, house, origin
from tests.simulation.box import Around, Box
from tests.simulation.client import Client
from tests.simulation.disk import SQLITE, Disk
from tests.simulation.faults import Fates, Weather
from tests.simulation.holdings import Holdings
from tests.simulation.house import House
from tests.simulation.judge import Judge
from tests.simulation.ledger import Ledger
from tests.simulation.loop import SimulationLoop
from tests.simulation.network import Network
from tests.simulation.origin import Origin
from tests.simulation.story import NAMES, SERVER, Source, Story, story
from tests.simulation.troubles import Troubles, Verdict

CALM = Weather(rate=0.0, kinds=(), until=0.0)


Make = Callable[[Story, SimulationLoop, Disk, Path], Troubles]


def run(seed: int, *, with_logs: bool = False) -> Verdict:
    """The same seed gives the same verdict, trace included, wherever it runs."""
    return live(World, seed, with_logs=with_logs)


def live(make: Make, seed: int, *, with_logs: bool) -> Verdict:
    """One world, from its making to its end."""
    with edge.folder() as folder, asyncio.Runner(loop_factory=SimulationLoop) as runner:
        loop = runner.get_loop()
        assert isinstance(loop, SimulationLoop)
        disk = Disk()
        world = make(story(seed), loop, disk, folder)
        level = logging.INFO if with_logs else logging.ERROR
        with edge.controlled(loop, seed, disk), edge.logs_to(world.chronicle.logged, level):
            return runner.run(world.run())


class World(Troubles):
    def __init__(self, told: Story, loop: SimulationLoop, disk: Disk, folder: Path) -> None:
        super().__init__()
        self.story = told
        self.loop = loop
        self.disk = disk
        jobs = {job.name: job for job in told.jobs}
        slots = {agent.name: agent.slots for agent in told.agents}
        holdings = Holdings(self._machine_time, lambda: self.house.uptime)
        self.ledger = Ledger(now=loop.true_time, stories=jobs, slots=slots, holdings=holdings)
        fates = Fates(told.weather, self._dice("network"))
        self.network = Network(loop, fates, self.ledger)
        tokens = _data_folder(folder / "server-0")
        self.house = House(told.seed, loop, self._machine(SERVER), folder / "server-0")
        self.house.machine.slow_disk = told.server_disk
        self.origin = Origin(self._machine("origin"), jobs, loop.true_time)
        self.network.hosts = {house.HOST: self.house, origin.HOST: self.origin}
        urls = {
            name: self.origin.url(job)
            for name, job in jobs.items()
            if job.source is not Source.UPLOAD
        }
        self.client = Client(self.network, tokens["client"], self._dice("client"), urls)
        self.boxes: dict[str, Box] = {}
        around = Around(told, self.network, self.ledger, disk, folder)
        for agent in told.agents:
            machine = self._machine(agent.name)
            machine.slow_disk = agent.slow_disk
            self.boxes[agent.name] = Box(agent, tokens[agent.name], machine, around)

    async def run(self) -> Verdict:
        await self.house.boot()
        clients = [asyncio.create_task(self.client.live(job)) for job in self.story.jobs]
        lives = [asyncio.create_task(self._live(name)) for name in (*self.boxes, SERVER)]
        lives += [asyncio.create_task(self._need(one)) for one in self.story.yields]
        await self._settle(clients, lives)
        # Whatever is still to come, the power fails once more: what was acknowledged survives.
        self.network.fates.weather = CALM
        await self.house.die(self.network, self.disk, self._dice("last"))
        await self.house.boot()
        judge = Judge(
            self.ledger,
            self.client,
            self.network.fates,
            has_partitions=bool(self.story.weather.partitions),
        )
        states = await judge.look_at_jobs({task.result() for task in clients if task.done()})
        for box in self.boxes.values():
            await box.stop()
            judge.look_at_spool(box.name, box.spool_folder)
        await self.house.stop(self.network)
        judge.look_at_events(_state_events(self.house.folder))
        for task in (*clients, *lives):
            task.cancel()
            if task.done() and not task.cancelled():
                task.result()
        wrongs = tuple(self.ledger.wrongs)
        return Verdict(self.story.seed, wrongs, tuple(self.ledger.trace), states)

    @property
    def chronicle(self) -> Ledger:
        return self.ledger

    @property
    def server(self) -> House:
        return self.house

    def _is_quiet(self) -> bool:
        if any(box.holds_jobs for box in self.boxes.values()) or self.ledger.still_computing():
            return False
        return all(state in ENDED for state in _states(self.house.folder).values())


ENDED = {"completed", "failed", "cancelled"}


@cache
def _template() -> tuple[tuple[tuple[str, bytes], ...], tuple[tuple[str, str], ...]]:
    """A data folder with its tokens: the same for every world of this process."""
    with edge.folder() as folder:
        client = create_token(folder, TokenKind.CLIENT)
        tokens = [(name, create_token(folder, TokenKind.AGENT, agent_id=name)) for name in NAMES]
        files = tuple((path.name, path.read_bytes()) for path in sorted(folder.iterdir()))
    return files, (("client", client), *tokens)


def _data_folder(folder: Path) -> dict[str, str]:
    """Make one; the tokens."""
    files, tokens = _template()
    folder.mkdir()
    for name, content in files:
        (folder / name).write_bytes(content)
    return dict(tokens)


def _states(folder: Path) -> dict[str, str]:
    with closing(_read(folder)) as db:
        return dict(db.execute("SELECT job_id, state FROM jobs").fetchall())


def _state_events(folder: Path) -> list[tuple[str, str]]:
    with closing(_read(folder)) as db:
        rows = db.execute("SELECT job_id, data FROM events WHERE kind = 'state' ORDER BY number")
        return [(job_id, json.loads(said)["state"]) for job_id, said in rows.fetchall()]


def _read(folder: Path) -> sqlite3.Connection:
    return sqlite3.connect(folder / SQLITE)
