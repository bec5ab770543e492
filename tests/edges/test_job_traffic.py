import asyncio
import subprocess
import sys

import httpx
import pytest
import respx
from structlog.contextvars import bound_contextvars

from agent.edges.downloads import HttpInputSource
from agent.edges.job_traffic import JobTraffic
from agent.edges.tus import PIECE, TusClient
from agent.model.errors import ServerUnavailableError
from agent.model.ids import Bytes, JobId
from tests.edges.server import SERVER, connected
from tests.fakes.raw_http import Reply, raw_server

J1, J2 = JobId("j1"), JobId("j2")
UPLOAD = f"{SERVER}/v1/leases/l1/artifacts/u1"


async def fetch(traffic: JobTraffic, url: str, path: str = "/input") -> None:
    async with connected(url) as connection:
        source = HttpInputSource(connection, traffic=traffic)
        async with source.open(path, offset=0, etag=None) as body:
            async for _ in body.chunks():
                pass


def test_what_moves_is_put_down_to_the_job_of_the_task() -> None:
    traffic = JobTraffic()

    with bound_contextvars(job_id="j1"):
        traffic.on_received(5)
        traffic.on_sent(2)
    with bound_contextvars(job_id="j2"):
        traffic.on_sent(7)

    assert traffic.take(J1) == (5, 2)
    assert traffic.take(J2) == (0, 7)
    assert (traffic.received, traffic.sent) == (5, 9)


def test_what_was_taken_is_not_told_again() -> None:
    traffic = JobTraffic(lambda: J1)
    traffic.on_received(5)
    traffic.take(J1)

    traffic.on_received(1)

    assert traffic.take(J1) == (1, 0)
    assert traffic.take(J1) == (0, 0)


def test_what_belongs_to_no_job_counts_all_the_same() -> None:
    traffic = JobTraffic()

    traffic.on_sent(3)

    assert traffic.sent == 3


async def test_tasks_that_a_job_starts_work_for_it_too() -> None:
    traffic = JobTraffic()

    async def move() -> None:
        traffic.on_received(4)

    with bound_contextvars(job_id="j1"):
        task = asyncio.create_task(move())
    await task

    assert traffic.take(J1) == (4, 0)


@respx.mock
async def test_an_input_is_counted_as_it_arrives() -> None:
    traffic = JobTraffic(lambda: J1)
    respx.get(f"{SERVER}/input").respond(200, content=b"x" * 1000)

    await fetch(traffic, SERVER)

    assert traffic.take(J1) == (1000, 0)


@pytest.mark.real_time
async def test_what_came_of_an_input_that_broke_off_is_counted() -> None:
    traffic = JobTraffic(lambda: J1)
    async with raw_server(Reply(body=b"x" * 5000, cut_after=1000)) as server:
        with pytest.raises(ServerUnavailableError):
            await fetch(traffic, server.url)

    assert traffic.take(J1) == (1000, 0)


@respx.mock
async def test_a_part_is_counted_each_time_it_is_sent() -> None:
    traffic, data = JobTraffic(lambda: J1), b"x" * (PIECE + 10)
    respx.options(UPLOAD).respond(204)
    respx.patch(UPLOAD).mock(
        side_effect=[httpx.Response(503), httpx.Response(204, headers={"Upload-Offset": "9"})]
    )

    async with connected() as connection:
        tus = TusClient(connection, traffic=traffic)
        with pytest.raises(ServerUnavailableError):
            await tus.append(UPLOAD, Bytes(0), data)
        await tus.append(UPLOAD, Bytes(0), data)

    assert traffic.take(J1) == (0, 2 * len(data))


def test_a_client_that_counts_nothing_does_not_import_the_log() -> None:
    code = (
        "import sys; from agent.edges.tus import TusClient; from agent.edges.http import *;"
        "TusClient(Connection('http://x', None))._traffic.on_sent(1);"
        "print('structlog' in sys.modules)"
    )

    told = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert told.stdout == "False\n"
