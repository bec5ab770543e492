"""From submitting a job to its offer in the hands of a parked agent."""

import threading
import time
from pathlib import Path

import httpx

from agent.server.tokens import TokenKind, create_token
from tests.benchmarks.report import Figure, median, p99
from tests.end_to_end.house import House, house_in

JOBS = 60
BAR_MS = 20.0


def measure(folder: Path) -> list[Figure]:
    with house_in(folder) as house:
        house.serve()
        tokens = [_token(house, number) for number in range(JOBS)]
        time.sleep(1.0)  # a running server sees new tokens within half a second
        times = [_one(house, number, token) for number, token in enumerate(tokens)]
        pings = [_ping(house) for _ in range(JOBS)]
    return [
        Figure("submit (create and upload) to offer, median", median(times), BAR_MS, "ms", "bar"),
        Figure("… p99", p99(times), BAR_MS, "ms", "bar"),
        Figure(
            "… beside three bare requests to the same server",
            median(times),
            3 * median(pings),
            "ms",
            "limit",
        ),
    ]


def _token(house: House, number: int) -> str:
    return create_token(house.data, TokenKind.AGENT, agent_id=f"agent-{number}")


def _one(house: House, number: int, token: str) -> float:
    name = f"agent-{number}"
    arrived: list[float] = []
    with httpx.Client(
        base_url=house.server_url, headers={"Authorization": f"Bearer {token}"}, timeout=40
    ) as client:
        hello = {"boot_id": name, "capability": "cpu", "content_types": ["text"], "slots": 1}
        client.put(f"/v1/agents/{name}", json=hello).raise_for_status()

        def poll() -> None:
            ask = {"boot_id": name, "request_id": "r", "wait_s": 25, "free_slots": 1}
            answer = client.post(f"/v1/agents/{name}/poll", json=ask)
            arrived.append(time.monotonic())
            assert answer.json()["offer"] is not None, answer.text

        parked = threading.Thread(target=poll)
        parked.start()
        with house.client() as submitter:
            submitter.get("/healthz")
            time.sleep(0.1)
            started = time.monotonic()
            house.create_job(b"some words to be offered\n", client=submitter)
            parked.join()
        # What was offered is not offered to the next round.
        client.request(
            "DELETE",
            f"/v1/agents/{name}",
            json={"keep": []},
            headers={"Agent-Boot-Id": name},
        )
    house.cancel_all()
    return (arrived[0] - started) * 1000


def _ping(house: House) -> float:
    with house.client() as client:
        client.get("/healthz")
        started = time.monotonic()
        client.get("/healthz")
        return (time.monotonic() - started) * 1000
