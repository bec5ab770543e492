"""A MoRAG server in memory, and our side of the dialect, which a test may start again."""

import asyncio
from collections.abc import Coroutine
from dataclasses import dataclass, field
from random import Random
from typing import TypeVar

import pytest

from agent.model.artifact import Artifact
from agent.model.errors import ServerUnavailableError
from agent.model.ids import Bytes, Digest, JobId, LeaseId, Seconds
from agent.model.lease import Offer, Stage
from agent.ports import Ask, Introduction, Report, Result, Resuming
from agent.runtime.morag.holdings import Holdings
from agent.runtime.morag.server import MoragServer, MoragTerms
from agent.runtime.morag.tray import ResultTray
from tests.fakes.remote_jobs import FakeClaims, FakeRemoteJobs
from tests.virtual_time import LoopClock

LARGEST = Bytes(1000)
PATIENCE = Seconds(600.0)
MARKDOWN = (
    b"# Document: j1.txt\n\n## Document Information\n\n- **Word Count**: 2\n\n"
    b"## Content\n\nTwo words.\n"
)
NAME = "document.md"
T = TypeVar("T")


def ask(wait: float = 25.0, *, free: int = 1, max_input: int = LARGEST) -> Ask:
    return Ask(
        request_id="r",
        wait=Seconds(wait),
        free_slots=free,
        prefetch=1,
        max_input=Bytes(max_input),
    )


def result(name: str = NAME, **metrics: float) -> Result:
    line = Artifact(name, "text/markdown", Bytes(len(MARKDOWN)), Digest("0" * 64))
    return Result(manifest=(line,), summary={}, metrics={"process_s": 1.5, **metrics})


def report(stage: Stage = Stage.PROCESSING) -> Report:
    return Report(stage, 0.5)


@dataclass
class Side:
    """Our side, and what it talks to."""

    clock: LoopClock
    jobs: FakeRemoteJobs
    claims: FakeClaims = field(default_factory=FakeClaims)
    server: MoragServer = field(init=False)
    tray: ResultTray = field(init=False)

    def start(self) -> MoragServer:
        """A new process: what is not on disk is forgotten."""
        self.tray = ResultTray([NAME])
        terms = MoragTerms(largest=lambda: LARGEST, result_patience=PATIENCE)
        holdings = Holdings(self.claims)
        self.server = MoragServer(self.jobs, holdings, self.tray, self.clock, Random(1), terms)
        return self.server

    async def greet(self, *held: tuple[JobId, LeaseId, Stage]) -> dict[LeaseId, LeaseId | None]:
        """Hello with what the spool holds; the lease under which each goes on."""
        if not hasattr(self, "server"):
            self.start()
        who = Introduction(
            name="attic",
            version="1",
            capability="cpu",
            content_types=("text",),
            queues=(),
            slots=1,
            boot_seq=1,
            resuming=tuple(Resuming(*line) for line in held),
        )
        terms = await self.server.hello(who)
        return {one.named: one.grant.lease_id if one.grant else None for one in terms.resumed}

    async def offered(self, wait: float = 25.0) -> Offer:
        offer = (await self.server.poll(ask(wait))).offer
        assert offer is not None
        return offer

    async def lay_out(self, lease_id: LeaseId, content: bytes = MARKDOWN) -> None:
        line = Artifact(NAME, "text/markdown", Bytes(len(content)), Digest("0" * 64))
        await self.tray.create(f"morag:{lease_id}", line, content)

    async def complete(self, lease_id: LeaseId) -> int:
        """As a delivery does it: again and again. Gives the number of tries."""
        for tries in range(1, 200):
            try:
                await self.server.complete(lease_id, result())
            except ServerUnavailableError:
                await asyncio.sleep(min(300.0, 2.0**tries))
            else:
                return tries
        raise AssertionError("never delivered")


@pytest.fixture
def side(clock: LoopClock) -> Side:
    return Side(clock, FakeRemoteJobs(clock))


async def cut_short(work: Coroutine[object, object, T], after: float) -> None:
    """Cancel `work`, as the loops do when something else comes up."""
    task = asyncio.ensure_future(work)
    await asyncio.sleep(after)
    task.cancel()
    await asyncio.wait([task])
