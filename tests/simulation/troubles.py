"""What befalls the machines of one world, until everybody has come to their end."""

import asyncio
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from random import Random
from typing import Protocol

from agent.model.restraint import Rung
from tests.simulation.box import Box
from tests.simulation.chronicle import Chronicle
from tests.simulation.disk import Disk
from tests.simulation.loop import Machine, SimulationLoop
from tests.simulation.network import Network
from tests.simulation.story import SERVER, Blow, Event, Story, Yield

PATIENCE = 3 * 3600.0
"""After the last trouble; everything has settled long before."""
LOOK = 10.0
MOMENT_COMES = 150.0
MOST_ROUNDS = 200_000


@dataclass(frozen=True)
class Verdict:
    seed: int
    wrongs: tuple[str, ...]
    trace: tuple[tuple[float, str, str], ...]
    states: Mapping[str, str]


class ServerMachine(Protocol):
    @property
    def machine(self) -> Machine: ...

    async def boot(self, clock_jump: float = 0.0) -> None: ...

    async def stop(self, network: Network) -> None: ...

    async def die(self, network: Network, disk: Disk, cut: Random | None) -> None: ...


class Troubles:
    story: Story
    loop: SimulationLoop
    disk: Disk
    network: Network
    boxes: dict[str, Box]

    def __init__(self) -> None:
        self._hits = 0
        """Machines that are being hit, or are down."""

    @property
    def chronicle(self) -> Chronicle:
        raise NotImplementedError

    @property
    def server(self) -> ServerMachine:
        raise NotImplementedError

    async def run(self) -> Verdict:
        raise NotImplementedError

    def _is_quiet(self) -> bool:
        """Does nobody know of anything to do."""
        raise NotImplementedError

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
            self.chronicle.blame("not everything had come to its end")
        for task in lives:
            task.cancel()

    async def _live(self, who: str) -> None:
        """What the story has in store for one machine."""
        if who != SERVER:
            await asyncio.sleep(next(a.since for a in self.story.agents if a.name == who))
            self.boxes[who].boot()
        for event in self.story.events:
            if event.who == who:
                await self._wait_for(event)
                self.chronicle.note(who, f"{event.blow.name} for {event.lasts:g} s")
                self._hits += 1
                await (self._hit_server(event) if who == SERVER else self._hit_agent(event))
                self._hits -= 1

    async def _need(self, need: Yield) -> None:
        await asyncio.sleep(need.at)
        box, source = self.boxes[need.who], f"since {need.at}"
        self.chronicle.note(need.who, f"{need.rung.name} for {need.lasts:g} s")
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
                    await self.chronicle.moments.after(who, event.after)
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
                self.server.machine.suspend()
                await asyncio.sleep(event.lasts)
                self.server.machine.resume()
                return
            case Blow.STOP:
                await self.server.stop(self.network)
            case Blow.CRASH:
                await self.server.die(self.network, self.disk, None)
            case Blow.POWER_CUT:
                await self.server.die(self.network, self.disk, self._dice(f"cut/{event.at}"))
        await asyncio.sleep(event.lasts)
        await self.server.boot(event.clock_jump)

    def _machine_time(self, process: str) -> float:
        box = self.boxes.get(process.partition("/")[0])
        now = self.loop.true_time()
        return now if box is None else box.machine.time(now)

    def _machine(self, name: str) -> Machine:
        return Machine(name, self.loop, self._dice(f"machine/{name}"))

    def _dice(self, what: str) -> Random:
        return Random(f"{self.story.seed}/{what}")
