"""One real download: our edges on a real socket, into a real spool."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from random import Random
from typing import Any

from agent.edges.downloads import HttpInputSource
from agent.edges.http import Connection
from agent.edges.spool import DiskSpool
from agent.model.ids import Seconds
from agent.model.lease import InputRef
from agent.ports import Body, JobFolder, Opened
from agent.runtime.fetch import Download
from tests.core.dice import Lowest
from tests.fakes.server import FakeServer
from tests.faults.content import Content, digest_of
from tests.runtime.world import World, offer_of
from tests.virtual_time import LoopClock


class Counted:
    """An input source that counts what it gave."""

    def __init__(self, source: HttpInputSource) -> None:
        self._source = source
        self.received = 0
        self.offsets: list[int] = []

    @asynccontextmanager
    async def open(self, url: str, *, offset: int, etag: str | None) -> AsyncIterator[Body]:
        self.offsets.append(offset)
        async with self._source.open(url, offset=offset, etag=etag) as body:
            yield _CountedBody(self, body)


class _CountedBody:
    def __init__(self, counted: Counted, body: Body) -> None:
        self._counted = counted
        self._body = body

    @property
    def opened(self) -> Opened:
        return self._body.opened

    @property
    def held(self) -> Seconds:
        return self._body.held

    async def chunks(self) -> AsyncIterator[bytes]:
        async for chunk in self._body.chunks():
            self._counted.received += len(chunk)
            yield chunk


class Fetching:
    """Call `run` as often as you like: each is the download of one start of the agent."""

    def __init__(self, spool: DiskSpool, source: Counted, folder: JobFolder, ref: InputRef) -> None:
        clock = LoopClock()
        # Pauses as short as they may be; where the source is away for a while, a test takes others.
        self.world = World(clock, FakeServer(clock), rng=Lowest())
        self.tools = replace(self.world.tools, source=source, spool=spool)
        self.source = source
        self.folder = folder
        self.ref = ref
        self.shown: list[float] = []

    async def run(self) -> Path:
        """The whole input, checked and sealed."""
        await self.download()
        return Path(await self.folder.seal_input())

    async def download(self) -> None:
        ref, partial = self.ref, self.folder.input
        await Download(ref, partial, self.tools, self.world.policy, self.shown.append).run()

    def be_patient(self) -> None:
        """Pause as the agent does."""
        self.tools = replace(self.tools, rng=Random(7))

    async def holds(self, content: Content) -> bool:
        path = await self.run()
        return digest_of(path) == content.sha256


@asynccontextmanager
async def fetching(
    folder: Path, url: str, content: Content, *, stall: float = 60.0, **changes: Any
) -> AsyncIterator[Fetching]:
    """`changes`: what else the offer says about the input."""
    connection = Connection(url, "the-token")
    spool = DiskSpool(folder / "spool")
    ref = replace(
        offer_of().input,
        **{"url": url, "size": content.size, "sha256": content.sha256, **changes},
    )
    job = await spool.open_job(replace(offer_of(), input=ref))
    try:
        source = Counted(HttpInputSource(connection, stall=stall))
        yield Fetching(spool, source, job, ref)
    finally:
        job.close()
        spool.close()
        await connection.close()
