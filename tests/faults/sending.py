"""One real delivery: our edges on a real socket, a result on a real disk."""

import hashlib
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from random import Random

import httpx

from agent.edges.http import Connection
from agent.edges.spool import DiskSpool
from agent.edges.tus import TusClient
from agent.edges.uploads import TusArtifactSink
from agent.model.artifact import Artifact
from agent.model.ids import Bytes, LeaseId, Seconds
from agent.model.lease import Offer, Stage
from agent.model.work import Produced
from agent.ports import ArtifactSink, Ask, JobFolder, JobServer, Report, Result, Upload
from agent.runtime.deliver import Delivery
from agent.runtime.introduced import IntroducedServer
from agent.runtime.tools import Tools
from tests.core.dice import Lowest
from tests.fakes.server import FakeConnection, FakeServer
from tests.faults.content import sparse_file
from tests.runtime.world import WHO, World, offer_of
from tests.server.sockets import free_port
from tests.virtual_time import LoopClock

NAME = "big.bin"


class Counted:
    """A sink that counts what it was given to send."""

    def __init__(self, sink: ArtifactSink) -> None:
        self._sink = sink
        self.sent = 0
        self.calls: list[str] = []

    @property
    def transport(self) -> str:
        return self._sink.transport

    async def create(self, url: str, artifact: Artifact, first: bytes) -> Upload:
        self._note("create", first)
        return await self._sink.create(url, artifact, first)

    async def offset(self, upload_url: str) -> Bytes:
        self._note("offset", b"")
        return await self._sink.offset(upload_url)

    async def append(self, upload_url: str, offset: Bytes, data: bytes) -> Bytes:
        self._note("append", data)
        return await self._sink.append(upload_url, offset, data)

    def _note(self, call: str, data: bytes) -> None:
        self.calls.append(call)
        self.sent += len(data)


class Approving(FakeConnection):
    """A job server that takes every result; only the uploads are of interest."""

    async def complete(self, lease_id: LeaseId, result: Result) -> None:
        """It is enough that it was said."""


@dataclass
class Sending:
    offer: Offer
    folder: JobFolder
    tools: Tools
    sink: Counted
    artifacts: tuple[Artifact, ...]
    shown: list[float] = field(default_factory=list[float])

    async def run(self) -> None:
        result = Result(manifest=self.artifacts, summary={}, metrics={})
        delivery = Delivery(self.offer, self.folder, self.tools, self.shown.append)
        await delivery.run(self.artifacts, lambda: result)

    def be_patient(self) -> None:
        self.tools = replace(self.tools, rng=Random(7))


@asynccontextmanager
async def sending(
    folder: Path,
    connection: Connection,
    offer: Offer,
    size: int,
    *,
    server: JobServer | None = None,
    stall: float = 60.0,
) -> AsyncIterator[Sending]:
    """A result of `size` bytes, and everything that brings it to `offer.artifacts_url`."""
    clock = LoopClock()
    world = World(clock, FakeServer(clock), rng=Lowest())
    spool = DiskSpool(folder / "spool")
    job = await spool.open_job(offer)
    sparse_file(Path(await job.begin()) / NAME, size)
    finished = await job.seal(Produced(((NAME, "application/octet-stream"),), {}), {})
    headers = {"Agent-Boot-Id": "boot-1"}
    sink = Counted(TusArtifactSink(TusClient(connection, headers, stall=stall)))
    heard = server or Approving(world.server, "attic", "boot-1")
    tools = replace(world.tools, sink=sink, spool=spool, server=IntroducedServer(heard, WHO, spool))
    try:
        yield Sending(offer, job, tools, sink, finished.manifest)
    finally:
        job.close()
        spool.close()


@contextmanager
def foreign_tus(folder: Path) -> Iterator[int]:
    """The port of a tus server that keeps its files in `folder`."""
    port = free_port()
    words = (sys.executable, "-m", "tests.faults.foreign_tus", str(port), str(folder))
    with subprocess.Popen(words) as process:
        try:
            _wait_for(port)
            yield port
        finally:
            process.kill()


def _wait_for(port: int) -> None:
    deadline = time.monotonic() + 30
    while True:
        try:
            httpx.options(f"http://127.0.0.1:{port}/files/", trust_env=False)
        except httpx.TransportError:
            assert time.monotonic() < deadline, "the foreign tus server did not start"
            time.sleep(0.05)
        else:
            return


def stored(folder: Path, size: int) -> str:
    """The digest of the one file of that size which the foreign server holds."""
    (found,) = (path for path in folder.iterdir() if path.is_file() and path.stat().st_size == size)
    with found.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


async def taken(server: JobServer) -> Offer:
    """The job that waits, under an accepted lease."""
    await server.hello(replace(WHO, boot_seq=1))
    ask = Ask(
        request_id="r1", wait=Seconds(5.0), free_slots=1, prefetch=0, max_input=Bytes(1 << 30)
    )
    offer = (await server.poll(ask)).offer
    assert offer is not None
    await server.renew(offer.lease_id, Report(Stage.UPLOADING, 0.0))
    return offer


def offer_to(url: str) -> Offer:
    return replace(offer_of(), artifacts_url=url)
