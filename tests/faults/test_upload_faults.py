"""Everything that a connection can do to a delivery, with our real server behind it."""

import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from agent.edges.http import Connection
from agent.edges.native_server import Identity, NativeServer
from agent.model.hardware import Hardware
from agent.model.ids import AgentId, BootId, Bytes
from tests.faults.faults import (
    AnswerDropped,
    Bandwidth,
    BlackHole,
    CorruptByte,
    Cut,
    Fault,
    Latency,
    Plan,
    Reset,
    Slices,
    SlowClose,
    Way,
)
from tests.faults.proxy import Proxy, proxy_to
from tests.faults.sending import NAME, Sending, sending, taken
from tests.server.sockets import Online, online

pytestmark = pytest.mark.real_time

MB = 10**6
MIB = 1024 * 1024
HARDWARE = Hardware(hostname="attic", cpu_cores=1, memory=Bytes(0), disk_free=Bytes(0), gpus=())


@asynccontextmanager
async def delivering(
    folder: Path, size: int, plan: Plan
) -> AsyncIterator[tuple[Sending, Proxy, Online]]:
    """A job under an accepted lease, its result still here; faults come from now on."""
    async with online(folder / "server") as server:
        await submit(server)
        calm: list[Fault] = []
        began_at = 0

        def plan_once_begun(number: int) -> Sequence[Fault]:
            return plan(number - began_at) if began_at else calm

        async with proxy_to(server.port, plan_once_begun) as proxy:
            connection = Connection(proxy.url, server.tokens["agent"])
            identity = Identity(agent_id=AgentId("a1"), boot_id=BootId("boot-1"))
            api = NativeServer(connection, identity, hardware=lambda: HARDWARE, health=dict)
            offer = await taken(api)
            await connection.close()
            began_at = proxy.connections
            async with sending(folder, connection, offer, size, server=api, stall=2.0) as one:
                yield one, proxy, server
            await connection.close()


async def submit(server: Online) -> None:
    job: dict[str, Any] = {"content_type": "audio", "filename": "a.mp3", "size": 0}
    job["queue"] = "gpu_priority"
    (await server.client.post("/v1/jobs", json=job)).raise_for_status()


async def is_delivered(server: Online, one: Sending) -> bool:
    url = f"/v1/jobs/{one.offer.job_id}"
    job = (await server.client.get(url)).json()
    (artifact,) = one.artifacts
    etag = (await server.client.head(f"{url}/artifacts/{NAME}")).headers["etag"]
    return job["state"] == "completed" and etag == f'"{artifact.sha256}"'


@pytest.mark.parametrize(
    "fault",
    [
        Latency(0.02, Way.UP),
        Bandwidth(20.0 * MB, Way.UP),
        Slices(997, Way.UP),
        SlowClose(0.2),
        Cut(100, Way.UP),
        Cut(MIB, Way.UP),
        Cut(5 * MB, Way.UP),
        Reset(5 * MB, Way.UP),
        Cut(0),
        Cut(100),
        Reset(0),
        BlackHole(100, Way.UP),
        BlackHole(5 * MB, Way.UP),
        BlackHole(100),
        AnswerDropped(),
        AnswerDropped(3 * MB),
        CorruptByte(500_000, Way.UP),
        CorruptByte(5 * MB, Way.UP),
    ],
    ids=repr,
)
async def test_a_result_arrives_whatever_happens_to_the_first_connection(
    tmp_path: Path, fault: Fault
) -> None:
    async with delivering(tmp_path, 9 * MB, lambda number: () if number else (fault,)) as (
        one,
        _,
        server,
    ):
        await one.run()

        assert await is_delivered(server, one)


async def test_a_part_whose_answer_was_lost_is_not_sent_again(tmp_path: Path) -> None:
    def plan(number: int) -> Sequence[Fault]:
        return () if number else (AnswerDropped(3 * MB),)

    async with delivering(tmp_path, 9 * MB, plan) as (one, _, server):
        await one.run()

        assert await is_delivered(server, one)
        assert one.sink.sent == 9 * MB
        assert one.sink.calls.count("create") == one.sink.calls.count("offset") == 1


async def test_only_the_part_with_a_corrupt_byte_is_sent_again(tmp_path: Path) -> None:
    def plan(number: int) -> Sequence[Fault]:
        return () if number else (CorruptByte(3 * MB, Way.UP),)

    async with delivering(tmp_path, 9 * MB, plan) as (one, _, server):
        await one.run()

        assert await is_delivered(server, one)
        assert 9 * MB < one.sink.sent <= 9 * MB + 4 * MIB
        assert one.sink.calls.count("create") == one.sink.calls.count("offset") == 1


@pytest.mark.slow
async def test_a_large_result_with_a_cut_every_5_mb_costs_a_mebibyte_a_cut_at_most(
    tmp_path: Path,
) -> None:
    size = 200 * MB
    async with delivering(tmp_path, size, lambda _: (Cut(5 * MB, Way.UP),)) as (one, proxy, server):
        began, before = time.monotonic(), proxy.passed(Way.UP)
        await one.run()
        took = time.monotonic() - began

        assert await is_delivered(server, one)
        cuts, again = proxy.connections - 2, proxy.passed(Way.UP) - before - size
        print(f"\n{size // MB} MB up, {cuts} cuts: {took:.1f} s, {again} bytes more than its size")
        assert cuts >= 40
        assert again < cuts * MIB
        assert one.sink.calls.count("create") == 1
