"""The agent's end of the wire: what it sends is kept, what it hears is the test's to say."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import httpx
import respx

from agent.edges.native_server import Identity, NativeServer
from agent.model.hardware import Hardware
from agent.model.ids import AgentId, BootId, Bytes, JsonObject, LeaseId, Seconds
from agent.model.lease import Stage
from agent.ports import Ask, Introduction, Report, Result
from tests.edges.server import BOOT, SERVER, connected

AGENT = f"{SERVER}/v1/agents/attic"
POLL = f"{AGENT}/poll"
LEASE = f"{SERVER}/v1/leases/l1"
L1 = LeaseId("l1")
ASK = Ask(request_id="r1", wait=Seconds(25.0), free_slots=1, prefetch=0, max_input=Bytes(10))
BEAT = Ask(request_id="r2", wait=Seconds(25.0), free_slots=0, prefetch=0, max_input=Bytes(0))
REPORT = Report(Stage.DOWNLOADING, 0.25, "")
NO_RESULT = Result(manifest=(), summary={}, metrics={})
WHO = Introduction(
    name="attic",
    version="0.1.0",
    capability="gpu",
    content_types=("audio",),
    queues=(),
    slots=1,
    boot_seq=7,
)
CALLS = ("hello", "poll", "renew", "complete", "fail", "release")


@asynccontextmanager
async def agent_side() -> AsyncIterator[NativeServer]:
    def hardware() -> Hardware:
        return Hardware(cpu_cores=1, memory=Bytes(1), disk_free=Bytes(1), gpus=(), hostname="attic")

    async with connected() as connection:
        identity = Identity(agent_id=AgentId("attic"), boot_id=BootId(BOOT))
        yield NativeServer(connection, identity, hardware=hardware, health=dict)


def sent(route: respx.Route) -> JsonObject:
    body: JsonObject = json.loads(route.calls.last.request.content)
    return body


async def hang(_: httpx.Request) -> httpx.Response:
    await asyncio.sleep(3600)
    return httpx.Response(200)
