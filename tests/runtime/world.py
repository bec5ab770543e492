"""One agent's whole world on fakes, and the few sentences that tests of the loops begin with."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from functools import cached_property
from hashlib import sha256
from random import Random
from typing import Any

from agent.core.vitality import Vitality
from agent.model.ids import Bytes, Digest, Instant, JobId, JsonObject, LeaseId, Seconds
from agent.model.lease import Directive, InputRef, Offer, Received
from agent.ports import Ask, Introduction
from agent.runtime.agent import Agent
from agent.runtime.introduced import IntroducedServer
from agent.runtime.job import HeldJob
from agent.runtime.observed import ObservedServer
from agent.runtime.slots import Slots
from agent.runtime.tools import Policy, Tools
from tests.core.dice import Highest
from tests.fakes.display import FakeDisplay
from tests.fakes.ledger import FakeJob
from tests.fakes.observer import FakeObserver
from tests.fakes.pool import MANY, FakePool, Plan
from tests.fakes.server import FakeConnection, FakeServer
from tests.fakes.sink import FakeSink
from tests.fakes.source import FakeFile, FakeSource
from tests.fakes.spool import FakeSpool
from tests.virtual_time import LoopClock

MINUTE, HOUR, DAY = 60.0, 3600.0, 86400.0
CONTENT = b"a recording, " * 100
POLICY = Policy(
    slots=1,
    max_input=Bytes(1 << 30),
    disk_reserve=Bytes(1 << 20),
    task_timeout=Seconds(2 * HOUR),
    download_timeout=Seconds(12 * HOUR),
    renew_every=Seconds(30.0),
    stop_grace=Seconds(8.0),
)
WHO = Introduction(
    name="attic",
    version="1",
    capability="gpu",
    content_types=("audio",),
    queues=("gpu_priority",),
    slots=1,
    boot_seq=0,
)


@dataclass
class World:
    """Dice always land high: renewals come 10 % early, pauses are as long as they may be."""

    clock: LoopClock
    server: FakeServer
    policy: Policy = POLICY
    agent_id: str = "attic"
    boot: str = "boot-1"
    devices: tuple[str | None, ...] = MANY
    gpus: Mapping[str, str] = field(default_factory=dict[str, str])
    spool: FakeSpool = field(default_factory=FakeSpool)
    rng: Random = field(default_factory=Highest)
    directives: list[tuple[Directive, str | None]] = field(
        default_factory=list[tuple[Directive, str | None]]
    )

    @cached_property
    def connection(self) -> FakeConnection:
        return self.server.connect(self.agent_id, self.boot)

    @cached_property
    def source(self) -> FakeSource:
        return FakeSource(self.clock)

    @cached_property
    def sink(self) -> FakeSink:
        return FakeSink(self.connection)

    @cached_property
    def pool(self) -> FakePool:
        return FakePool(self.clock, self.spool, self.devices)

    @cached_property
    def display(self) -> FakeDisplay:
        return FakeDisplay()

    @cached_property
    def observer(self) -> FakeObserver:
        return FakeObserver()

    @cached_property
    def vitality(self) -> Vitality:
        return Vitality()

    @cached_property
    def slots(self) -> Slots:
        return Slots(lambda: self.policy.slots)

    @cached_property
    def tools(self) -> Tools:
        server = ObservedServer(self.connection, self.vitality, self.observer)
        return Tools(
            server=IntroducedServer(server, WHO, self.spool),
            source=self.source,
            sink=self.sink,
            spool=self.spool,
            pool=self.pool,
            clock=self.clock,
            display=self.display,
            rng=self.rng,
            observer=self.observer,
            vitality=self.vitality,
        )

    def add(
        self,
        name: str = "j1",
        *,
        content: bytes = CONTENT,
        plan: Plan | None = None,
        **changes: Any,
    ) -> FakeJob:
        """A job at the server, its input at the source, and how its task will go."""
        job_id = JobId(name)
        self.source.files[f"/inputs/{name}"] = FakeFile(content)
        if plan is not None:
            self.pool.plans[job_id] = plan
        return self.server.add(replace(offer_of(name, content), **changes))

    async def hold(self) -> HeldJob:
        """The next job that the server offers, not yet accepted."""
        await self.tools.server.introduce()
        ask = Ask(
            request_id="r1", wait=Seconds(5.0), free_slots=1, prefetch=0, max_input=Bytes(1 << 30)
        )
        offer = (await self.tools.server.poll(ask)).offer
        assert offer is not None
        received = Received(offer, self.clock.now())
        return HeldJob(received, self.tools, self.policy, self.slots, self)

    def restarted(self, *, power_cut: bool = False) -> "World":
        """The next start on the same spool; what the process knew is gone."""
        name, _, number = self.boot.rpartition("-")
        spool = self.spool.restarted(power_cut=power_cut)
        next_start = replace(self, boot=f"{name}-{int(number) + 1}", spool=spool)
        next_start.source.files.update(self.source.files)
        next_start.pool.plans.update(self.pool.plans)
        return next_start

    def change_etag(self, name: str, etag: str) -> None:
        """The source of this job calls the same bytes another version."""
        url = f"/inputs/{name}"
        self.source.files[url] = replace(self.source.files[url], etag=etag)

    def agent(self) -> Agent:
        return Agent(self.tools, self.policy, self.gpus)

    def set_policy(self, **changes: Any) -> None:
        self.policy = replace(self.policy, **changes)

    async def sleep_until(self, when: float) -> None:
        await self.clock.sleep_until(Instant(when))

    def on_directive(self, directive: Directive, reason: str | None) -> None:
        self.directives.append((directive, reason))

    def on_move(self) -> None:
        """The jobs of these tests have no agent that waits for it."""


@asynccontextmanager
async def working(world: World) -> AsyncIterator[Agent]:
    """The agent at work for as long as the block lasts; then its process dies."""
    agent = world.agent()
    async with asyncio.TaskGroup() as scope:
        running = scope.create_task(agent.run())
        yield agent
        running.cancel()


def offer_of(name: str = "j1", content: bytes = CONTENT, **options: Any) -> Offer:
    fields: JsonObject = dict(options)
    return Offer(
        job_id=JobId(name),
        lease_id=LeaseId("lease-1"),
        attempt=1,
        offer_ttl=Seconds(15.0),
        lease_ttl=Seconds(90.0),
        queue="gpu_priority",
        content_type="audio",
        options=fields,
        input=InputRef(
            url=f"/inputs/{name}",
            size=Bytes(len(content)),
            sha256=Digest(sha256(content).hexdigest()),
            etag=None,
            filename=f"{name}.mp3",
            media_type="audio/mpeg",
        ),
        artifacts_url="/leases/lease-1/artifacts",
        transport="tus",
        timeout=None,
    )
