"""One seed over a MoRAG server, from its first request to the verdict."""

import asyncio
from contextlib import suppress
from pathlib import Path
from random import Random

from agent.core.morag_result import WANTED
from agent.edges.clock import SystemClock
from agent.edges.downloads import HttpInputSource
from agent.edges.http import Connection
from agent.edges.manner import Manner
from agent.edges.morag.calls import MoragCalls
from agent.edges.morag.claims import DiskClaims
from agent.edges.morag.problems import refusal
from agent.model.claim import JobStatus
from agent.model.ids import AgentId, Bytes, Seconds
from agent.model.work import Task
from agent.runtime.dialects import Dialect
from agent.runtime.morag.holdings import Holdings
from agent.runtime.morag.server import MoragServer, MoragTerms
from agent.runtime.morag.tray import ResultTray
from tests.simulation import house
from tests.simulation.box import Around, Box
from tests.simulation.disk import Disk
from tests.simulation.loop import Machine, SimulationLoop
from tests.simulation.morag.house import MoragHouse
from tests.simulation.morag.judge import MoragFates, MoragJudge, text_of
from tests.simulation.morag.ledger import MoragLedger
from tests.simulation.morag.remote import ENDED, Remote, Ways
from tests.simulation.network import Network
from tests.simulation.pool import SimulatedPool
from tests.simulation.story import SERVER, JobStory, Story
from tests.simulation.troubles import Troubles, Verdict
from tests.simulation.world import CALM, live

RESULT_PATIENCE = Seconds(1800.0)
IDLE = Seconds(20.0)
"""Questions that bring nothing take most of a world's time."""
INGESTIONS = (0.0, 0.1, 5.0, 60.0, 300.0)
A_MOMENT = 0.1


def run(seed: int, *, with_logs: bool = False) -> Verdict:
    """The same seed gives the same verdict, trace included, wherever it runs."""
    return live(MoragWorld, seed, with_logs=with_logs)


class MoragPool(SimulatedPool):
    def job_of(self, task: Task) -> JobStory:
        return self.jobs[task.filename.partition(".")[0]]

    def results(self, job: JobStory, content: bytes) -> dict[str, bytes]:
        return {"transcript.md": text_of(job, content).encode(), "waveform.png": b"picture"}


class MoragBox(Box):
    manner = Manner(refusal=refusal)

    def _pool_of(self, process: str, jobs: dict[str, JobStory]) -> SimulatedPool:
        return MoragPool(process, self.machine, jobs, self._ledger, self.slots)

    def _speak(self, connection: Connection, process: str) -> Dialect:
        claims = DiskClaims(self.spool_folder, "here")
        tray = ResultTray(WANTED)
        server = MoragServer(
            MoragCalls(connection, AgentId(self.name)),
            Holdings(claims),
            tray,
            SystemClock(),
            Random(f"{self._story.seed}/{process}/pace"),
            MoragTerms(
                largest=lambda: Bytes(1 << 30), idle_interval=IDLE, result_patience=RESULT_PATIENCE
            ),
        )
        return Dialect("morag", server, HttpInputSource(connection), tray)

    @property
    def claims(self) -> list[str]:
        """The notes of jobs that it still owes the server a word about."""
        return sorted(path.name for path in self.spool_folder.glob("morag/*.json"))


class MoragWorld(Troubles):
    def __init__(self, told: Story, loop: SimulationLoop, disk: Disk, folder: Path) -> None:
        super().__init__()
        self.story, self.loop, self.disk = told, loop, disk
        slots = {agent.name: agent.slots for agent in told.agents}
        slowest = max(agent.slow_disk for agent in told.agents)
        self.ledger = MoragLedger(now=loop.true_time, slots=slots, write=slowest + A_MOMENT)
        self.fates = MoragFates(told.weather, self._dice("network"))
        self.network = Network(loop, self.fates, self.ledger)
        dice = self._dice("morag")
        ways = Ways(
            has_ranges=dice.random() < 0.5,
            marks_first=dice.random() < 0.5,
            ingestion=dice.choice(INGESTIONS),
            slowness=dice.choice((0.0, 0.0, 0.5, 5.0)),
        )
        self.remote = Remote(ways, self.ledger.blame)
        self.judge = MoragJudge(told, self.ledger, self.fates)
        self.house = MoragHouse(self._machine(SERVER), self.remote)
        self.network.hosts = {house.HOST: self.house}
        self.boxes = {}
        around = Around(told, self.network, self.ledger, disk, folder)
        for agent in told.agents:
            machine = self._machine(agent.name)
            machine.slow_disk = agent.slow_disk
            self.boxes[agent.name] = MoragBox(agent, "", machine, around)

    @property
    def chronicle(self) -> MoragLedger:
        return self.ledger

    @property
    def server(self) -> MoragHouse:
        return self.house

    async def run(self) -> Verdict:
        await self.house.boot()
        clients = [asyncio.create_task(self._create(job)) for job in self.story.jobs]
        lives = [asyncio.create_task(self._live(name)) for name in (*self.boxes, SERVER)]
        lives += [asyncio.create_task(self._need(one)) for one in self.story.yields]
        await self._settle(clients, lives)
        self.network.fates.weather = CALM
        for job in self.remote.jobs.values():
            self.judge.look_at(job)
        for box in self.boxes.values():
            self._judge_spool(box)
            await box.stop()
        for task in (*clients, *lives):
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task
        states = {job.story.name: job.status.value for job in self.remote.jobs.values()}
        wrongs = tuple(self.ledger.wrongs)
        return Verdict(self.story.seed, wrongs, tuple(self.ledger.trace), states)

    async def _create(self, story: JobStory) -> str:
        await asyncio.sleep(story.at)
        job = self.remote.add(story)
        if story.cancelled_at is not None:
            await asyncio.sleep(max(0.0, story.cancelled_at - story.at))
            if job.status not in ENDED:
                self.ledger.note("operator", f"cancels {story.name}")
                job.status = JobStatus.CANCELLED
        return job.job_id

    def _is_quiet(self) -> bool:
        if any(box.holds_jobs for box in self.boxes.values()) or self.ledger.still_computing():
            return False
        if any(isinstance(box, MoragBox) and box.claims for box in self.boxes.values()):
            return False
        return all(
            job.status in ENDED or self.judge.is_stuck(job) for job in self.remote.jobs.values()
        )

    def _judge_spool(self, box: Box) -> None:
        self.ledger.note(box.name, "is looked at")
        held = sorted(path.name for path in box.spool_folder.glob("held/*"))
        notes = box.claims if isinstance(box, MoragBox) else []
        if held or notes:
            self.ledger.blame(f"{box.name} still holds {held} and owes {notes}")

    def _machine(self, name: str) -> Machine:
        return Machine(name, self.loop, self._dice(f"machine/{name}"))
