"""A MoRAG server as it is: how soon a job is taken, and how many are done in a minute.

Beside it a loop that does as MoRAG's own converter does: one question, one job, then a pause. It
computes nothing, so what it loses is the pauses alone.
"""

import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from random import Random

import httpx

from tests.benchmarks.report import Figure, median
from tests.end_to_end.house import house_in, wait_until

JOBS = "/api/v1/remote-jobs"
QUEUED = 20
DRIPS = 20
STILL_DRIPS = 4
STILL = 75.0
"""Seconds after which an idle agent asks as slowly as it ever does."""
PEER_PAUSE = 1.0
"""MoRAG's default is 10; this is the shortest that it takes."""
PATIENCE = 120.0


class Remote:
    """The stand-in for a MoRAG server, and those who give it jobs."""

    def __init__(self, url: str, folder: Path) -> None:
        self.client = httpx.Client(base_url=url, timeout=30.0)
        self.url = url
        self._input = folder / "input.txt"
        self._input.write_text("A few words for the one who asks.\n")

    def create(self) -> str:
        job = {
            "source_file_path": str(self._input),
            "content_type": "text",
            "ingestion_task_id": "t",
        }
        return str(self.client.post(f"{JOBS}/", json=job).json()["job_id"])

    def wait_for(self, job_id: str) -> float:
        """Seconds from its creation to its start."""
        wait_until(lambda: self._status(job_id)["status"] == "completed", job_id, PATIENCE, 0.05)
        told = self._status(job_id)
        begun, made = (datetime.fromisoformat(told[at]) for at in ("started_at", "created_at"))
        return (begun - made).total_seconds()

    def _status(self, job_id: str) -> dict[str, str]:
        told: dict[str, str] = self.client.get(f"{JOBS}/{job_id}/status").json()
        return told


def measure(folder: Path) -> Iterator[Figure]:
    with _remote(folder / "ours") as remote, _agent(folder, remote):
        remote.wait_for(remote.create())
        ours = _queue(remote)
        brisk = _drips(remote, DRIPS, lambda dice: dice.uniform(0.3, 4.0))
        still = _drips(remote, STILL_DRIPS, lambda dice: STILL + dice.uniform(0.0, 5.0))
    with _remote(folder / "peer") as remote, _peer(remote):
        peer = _queue(remote)
        peer_drips = _drips(remote, DRIPS, lambda dice: dice.uniform(0.3, 4.0))
    beside = "a loop that pauses 1 s"
    yield Figure(f"{QUEUED} queued jobs, a minute", ours[0], peer[0], "jobs", beside)
    yield Figure("… pick-up, mean", ours[1], peer[1], "s", beside)
    yield Figure("pick-up while jobs come, mean", _mean(brisk), _mean(peer_drips), "s", beside)
    yield Figure("… median", median(brisk), median(peer_drips), "s", beside)
    yield Figure("… mean", _mean(brisk), 1.0, "s", "bar")
    yield Figure("pick-up after a still minute, mean", _mean(still), 4.5 / 2, "s", "half a pause")


def _queue(remote: Remote) -> tuple[float, float]:
    """Jobs a minute, and the mean time until one was taken."""
    began = time.monotonic()
    jobs = [remote.create() for _ in range(QUEUED)]
    waits = [remote.wait_for(job) for job in jobs]
    return 60.0 * QUEUED / (time.monotonic() - began), _mean(waits)


def _drips(remote: Remote, count: int, pause: Callable[[Random], float]) -> list[float]:
    dice, waits = Random(1), []
    for _ in range(count):
        time.sleep(pause(dice))
        waits.append(remote.wait_for(remote.create()))
    return waits


def _mean(values: list[float]) -> float:
    return sum(values) / len(values)


@contextmanager
def _remote(folder: Path) -> Iterator[Remote]:
    folder.mkdir()
    words = [sys.executable, "-m", "tests.fakes.morag", "--folder", str(folder)]
    with subprocess.Popen(words, stdout=subprocess.PIPE, text=True) as server:
        assert server.stdout is not None
        try:
            yield Remote(server.stdout.readline().strip(), folder)
        finally:
            server.kill()


@contextmanager
def _agent(folder: Path, remote: Remote) -> Iterator[None]:
    with house_in(folder) as house:
        words = ["--agent-id", "attic", "--server-url", remote.url, "--dialect", "morag"]
        words += ["--spool", str(house.folder / "spool"), "--content-types", "text"]
        house.start("attic", ["run", *words, "--slots", "1"])
        yield


@contextmanager
def _peer(remote: Remote) -> Iterator[None]:
    """What MoRAG's own converter does between its pauses."""
    is_over = threading.Event()

    def live() -> None:
        with httpx.Client(base_url=remote.url, timeout=30.0) as client:
            while not is_over.wait(PEER_PAUSE):
                _take_one(client)

    thread = threading.Thread(target=live)
    thread.start()
    try:
        yield
    finally:
        is_over.set()
        thread.join()


def _take_one(client: httpx.Client) -> None:
    asked = {"worker_id": "peer", "content_types": "text", "max_jobs": "1"}
    told = client.get(f"{JOBS}/poll", params=asked).json()
    if told["job_id"] is not None:
        content = client.get(told["source_file_url"]).text
        result = {"success": True, "content": content}
        client.put(f"{JOBS}/{told['job_id']}/result", json=result)
