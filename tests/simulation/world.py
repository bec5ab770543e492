"""One seed, from its first request to the verdict."""

import asyncio
import json
import logging
import sqlite3
from collections.abc import Mapping
from contextlib import closing, suppress
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from random import Random

from agent.model.restraint import Rung
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
from tests.simulation.loop import Machine, SimulationLoop
from tests.simulation.network import Network
from tests.simulation.origin import Origin
from tests.simulation.story import NAMES, SERVER, Blow, Event, Source, Story, Yield, story

PATIENCE = 3 * 3600.0
"""After the last trouble; everything has settled long before."""
LOOK = 10.0
MOMENT_COMES = 150.0
MOST_ROUNDS = 200_000
CALM = Weather(rate=0.0, kinds=(), until=0.0)


@dataclass(frozen=True)
class Verdict:
    seed: int
    wrongs: tuple[str, ...]
    trace: tuple[tuple[float, str, str], ...]
    states: Mapping[str, str]


def run(seed: int, *, with_logs: bool = False) -> Verdict:
    """The same seed gives the same verdict, trace included, wherever it runs."""
    with edge.folder() as folder, asyncio.Runner(loop_factory=SimulationLoop) as runner:
        loop = runner.get_loop()
        assert isinstance(loop, SimulationLoop)
        disk = Disk()
        world = World(story(seed), loop, disk, folder)
        level = logging.INFO if with_logs else logging.ERROR
        with edge.controlled(loop, seed, disk), edge.logs_to(world.ledger.logged, level):
            return runner.run(world.run())


class World:
    def __init__(self, told: Story, loop: SimulationLoop, disk: Disk, folder: Path) -> None:
        self.story = told
        self.loop = loop
        self.disk = disk
        self._hits = 0
        """Machines that are being hit, or are down."""
        jobs = {job.name: job for job in told.jobs}
        slots = {agent.name: agent.slots for agent in told.agents}
        holdings = Holdings(self._machine_time, lambda: self.house.uptime)
        self.ledger = Ledger(loop.true_time, jobs, slots, holdings=holdings)
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

    async def _settle(
        self, clients: "list[asyncio.Task[str]]", lives: "list[asyncio.Task[None]]"
    ) -> None:
        """Until everybody has told their story and nobody knows of anything to do."""
        ends = self.story.weather.until + PATIENCE
        while self.loop.true_time() < ends and self.loop.rounds.iterations < MOST_ROUNDS:
            await asyncio.sleep(LOOK)
            if all(task.done() for task in clients) and not self._hits and self._is_quiet():
                break
        else:
            self.ledger.blame("not everything had come to its end")
        for task in lives:
            task.cancel()

    def _is_quiet(self) -> bool:
        if any(box.holds_jobs for box in self.boxes.values()) or self.ledger.still_computing():
            return False
        return all(state in ENDED for state in _states(self.house.folder).values())

    async def _live(self, who: str) -> None:
        """What the story has in store for one machine."""
        if who != SERVER:
            await asyncio.sleep(next(a.since for a in self.story.agents if a.name == who))
            self.boxes[who].boot()
        for event in self.story.events:
            if event.who == who:
                await self._wait_for(event)
                self.ledger.note(who, f"{event.blow.name} for {event.lasts:g} s")
                self._hits += 1
                await (self._hit_server(event) if who == SERVER else self._hit_agent(event))
                self._hits -= 1

    async def _need(self, need: Yield) -> None:
        await asyncio.sleep(need.at)
        box, source = self.boxes[need.who], f"since {need.at}"
        self.ledger.note(need.who, f"{need.rung.name} for {need.lasts:g} s")
        self._hits += 1
        box.restrain(source, need.rung)
        await asyncio.sleep(need.lasts)
        box.restrain(source, Rung.WORK)
        self._hits -= 1

    async def _wait_for(self, event: Event) -> None:
        await asyncio.sleep(max(0.0, event.at - self.loop.true_time()))
        if event.after:
            with suppress(TimeoutError):
                async with asyncio.timeout(MOMENT_COMES):
                    who = "" if event.who == SERVER else event.who
                    await self.ledger.moments.after(who, event.after)
            await asyncio.sleep(event.delay)

    async def _hit_agent(self, event: Event) -> None:
        box = self.boxes[event.who]
        match event.blow:
            case Blow.SUSPEND:
                box.suspend()
                await asyncio.sleep(event.lasts)
                box.machine.resume()
                return
            case Blow.STOP:
                await box.stop()
            case Blow.CRASH:
                await box.die(None)
            case Blow.POWER_CUT:
                await box.die(self._dice(f"cut/{event.at}"))
        await asyncio.sleep(event.lasts)
        box.boot()

    async def _hit_server(self, event: Event) -> None:
        match event.blow:
            case Blow.SUSPEND:
                self.house.machine.suspend()
                await asyncio.sleep(event.lasts)
                self.house.machine.resume()
                return
            case Blow.STOP:
                await self.house.stop(self.network)
            case Blow.CRASH:
                await self.house.die(self.network, self.disk, None)
            case Blow.POWER_CUT:
                await self.house.die(self.network, self.disk, self._dice(f"cut/{event.at}"))
        await asyncio.sleep(event.lasts)
        await self.house.boot(event.clock_jump)

    def _machine_time(self, process: str) -> float:
        box = self.boxes.get(process.partition("/")[0])
        now = self.loop.true_time()
        return now if box is None else box.machine.time(now)

    def _machine(self, name: str) -> Machine:
        return Machine(name, self.loop, self._dice(f"machine/{name}"))

    def _dice(self, what: str) -> Random:
        return Random(f"{self.story.seed}/{what}")


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
