"""One box that works for the stand-in: what speaks to a server is real, the rest are fakes."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from random import Random

from agent.core.morag_result import WANTED
from agent.core.vitality import Vitality
from agent.edges.downloads import HttpInputSource
from agent.edges.http import Connection, Sockets
from agent.edges.manner import Manner
from agent.edges.morag.calls import MoragCalls
from agent.edges.morag.problems import refusal
from agent.model.ids import AgentId, Bytes, JobId, Seconds
from agent.ports import Introduction
from agent.runtime.agent import Agent
from agent.runtime.introduced import IntroducedServer
from agent.runtime.morag.holdings import Holdings
from agent.runtime.morag.server import MoragServer, MoragTerms
from agent.runtime.morag.tray import ResultTray
from agent.runtime.tools import Policy, Tools
from tests.fakes.display import FakeDisplay
from tests.fakes.morag import InProcess, Job, StandIn
from tests.fakes.observer import FakeObserver
from tests.fakes.pool import FakePool, Plan
from tests.fakes.remote_jobs import FakeClaims
from tests.fakes.spool import FakeSpool
from tests.runtime.world import POLICY
from tests.virtual_time import LoopClock

URL = "http://morag.example"
WHO = Introduction(
    name="attic",
    version="1",
    capability="gpu",
    content_types=("text", "audio"),
    queues=(),
    slots=1,
    boot_seq=0,
)
PATIENCE = Seconds(20 * 60.0)
"""For the result of a job: more than a slow server's ingestion ever takes here."""
PLAN = Plan(takes=Seconds(20.0))


@dataclass
class Box:
    """What `spool`, `claims` and `plans` hold outlasts its process."""

    stand_in: StandIn
    policy: Policy = POLICY
    rng: Random = field(default_factory=lambda: Random(1))
    spool: FakeSpool = field(default_factory=FakeSpool)
    claims: FakeClaims = field(default_factory=FakeClaims)
    plans: dict[JobId, Plan] = field(default_factory=dict[JobId, Plan])

    def add(self, source: Path, number: int, plan: Plan = PLAN) -> Job:
        """A job at the server, its input of a size of its own, and how it will go here."""
        file = source / f"note {number}.txt"
        file.write_bytes(b"%d " % number * (1000 * number + 1))
        job = self.stand_in.add(file)
        self.plans[JobId(job.id)] = replace(plan, results={"document.md": text_of(number)})
        return job

    @cached_property
    def agent(self) -> Agent:
        clock = LoopClock()
        transport: Callable[[], InProcess] = lambda: InProcess(  # noqa: E731
            self.stand_in, lambda: self.stand_in.is_down
        )
        sockets = Sockets(transport=transport, now=clock.now)
        url = URL + self.stand_in.manners.prefix
        over = Connection(url, "key", sockets=sockets, manner=Manner(refusal=refusal))
        tray = ResultTray(WANTED)
        terms = MoragTerms(largest=lambda: Bytes(1 << 30), result_patience=PATIENCE)
        calls = MoragCalls(over, AgentId("attic"))
        server = MoragServer(calls, Holdings(self.claims), tray, clock, self.rng, terms)
        tools = Tools(
            server=IntroducedServer(server, WHO, self.spool),
            source=HttpInputSource(over),
            sink=tray,
            spool=self.spool,
            pool=FakePool(clock, self.spool, plans=self.plans),
            clock=clock,
            display=FakeDisplay(),
            rng=self.rng,
            observer=FakeObserver(),
            vitality=Vitality(),
        )
        return Agent(tools, self.policy, {})

    def restarted(self, *, power_cut: bool = False) -> "Box":
        return replace(self, spool=self.spool.restarted(power_cut=power_cut))

    @asynccontextmanager
    async def working(self) -> AsyncIterator[None]:
        """For as long as the block lasts; then the process dies at once."""
        running = asyncio.create_task(self.agent.run())
        try:
            yield
        finally:
            running.cancel()
            await asyncio.wait([running])


def text_of(number: int) -> bytes:
    return (
        f"# Document: note {number}.txt\n\n## Document Information\n\n- **Word Count**: 2\n\n"
        f"## Content\n\nNote {number}.\n"
    ).encode()


async def until_over(stand_in: StandIn, most: float = 4 * 3600.0) -> bool:
    """Is every job over within `most` seconds, and nothing under way that would do more."""
    clock = LoopClock()
    while clock.now() < most:
        is_over = all(job.status in {"completed", "failed"} for job in stand_in.jobs)
        if is_over and not stand_in.is_at_work:
            await asyncio.sleep(60.0)
            return True
        await asyncio.sleep(5.0)
    return False
