"""The embedded server with 1,000 idle agents: memory, and how fast one of them is woken."""

import asyncio
import time
from pathlib import Path

import httpx
import psutil

from agent.server.tokens import TokenKind, create_token
from tests.benchmarks.report import Figure, median, p99
from tests.end_to_end.house import House, house_in

AGENTS = 1000
JOBS = 200
PARKED = "morag_polls_parked "
BAR_BYTES = 60e6
BAR_MS = 100.0


def measure(folder: Path) -> list[Figure]:
    with house_in(folder) as house:
        server = house.serve()
        process = psutil.Process(server.pid)
        empty = process.memory_info().rss
        grown, wakes = asyncio.run(_watch(house, process))
    return [
        Figure(
            f"server's growth with {AGENTS} parked polls",
            (grown - empty) / 1e6,
            BAR_BYTES / 1e6,
            "MB",
            "bar",
        ),
        Figure("wake-up of a parked poll, median", median(wakes), BAR_MS, "ms", "bar"),
        Figure("… p99", p99(wakes), BAR_MS, "ms", "bar"),
    ]


async def _watch(house: House, process: psutil.Process) -> tuple[int, list[float]]:
    offers: asyncio.Queue[tuple[str, float]] = asyncio.Queue()
    limits = httpx.Limits(max_connections=None, max_keepalive_connections=None)
    async with httpx.AsyncClient(base_url=house.server_url, limits=limits, timeout=60) as client:
        tokens = [_token(house, number) for number in range(AGENTS)]
        async with asyncio.TaskGroup() as scope:
            parked = [
                scope.create_task(_agent(client, number, token, offers))
                for number, token in enumerate(tokens)
            ]
            await _all_parked(house)
            grown = process.memory_info().rss
            wakes = [await _wake(house, offers) for _ in range(JOBS)]
            for task in parked:
                task.cancel()
    return grown, wakes


async def _all_parked(house: House) -> None:
    def parked() -> int:
        with house.client() as client:
            lines = client.get("/metrics").text.splitlines()
        return next(int(float(line.split()[1])) for line in lines if line.startswith(PARKED))

    while await asyncio.to_thread(parked) < AGENTS:
        await asyncio.sleep(1)


def _token(house: House, number: int) -> str:
    return create_token(house.data, TokenKind.AGENT, agent_id=f"agent-{number}")


async def _agent(
    client: httpx.AsyncClient, number: int, token: str, offers: asyncio.Queue[tuple[str, float]]
) -> None:
    name = f"agent-{number}"
    headers = {"Authorization": f"Bearer {token}"}
    hello = {"boot_id": name, "capability": "cpu", "content_types": ["text"], "slots": 1}
    (await client.put(f"/v1/agents/{name}", json=hello, headers=headers)).raise_for_status()
    for turn in range(1000):
        ask = {"boot_id": name, "request_id": f"{name}-{turn}", "wait_s": 25, "free_slots": 1}
        answer = await client.post(f"/v1/agents/{name}/poll", json=ask, headers=headers)
        offer = answer.json()["offer"]
        if offer is None:
            continue
        await offers.put((offer["job_id"], time.monotonic()))
        lease = f"/v1/leases/{offer['lease_id']}"
        boot = {**headers, "Agent-Boot-Id": name}
        await client.post(f"{lease}/renew", json={"boot_id": name}, headers=boot)
        gone = {"boot_id": name, "code": "unsupported_media", "retryable": False}
        await client.post(f"{lease}/fail", json=gone, headers=boot)


async def _wake(house: House, offers: asyncio.Queue[tuple[str, float]]) -> float:
    job_id, whole_at = await asyncio.to_thread(_submit, house)
    async with asyncio.timeout(30):
        offered, arrived_at = await offers.get()
    assert offered == job_id
    await asyncio.sleep(0.05)  # the woken agent is parked again before the next one is woken
    return (arrived_at - whole_at) * 1000


def _submit(house: House) -> tuple[str, float]:
    """The job, and the moment before its last byte was sent."""
    job_id = house.create_job(b"wake up\n")
    return job_id, house.last_upload_at
