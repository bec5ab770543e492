"""Real processes on loopback: an agent and a MoRAG server, each killed while they work.

Not within a poll, though: what the server says of a job there it says once, and a job whose name
nobody has on disk yet is lost with whoever is killed. So the agent is held still before.
"""

import json
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest

from tests.end_to_end.house import House, Running, house_in, wait_until
from tests.fakes.morag import Books, Job, StandIn

COUNT = 12
WEATHER = [
    {"fault": "AnswerLost", "call": "result", "on": [2, 5]},
    {"fault": "TurnedAway", "call": "status", "chance": 0.2},
    {"fault": "Cut", "at": 1000, "call": "download", "on": [3, 4, 9]},
]


@pytest.fixture
def house(tmp_path: Path) -> Iterator[House]:
    with house_in(tmp_path) as house:
        yield house


def jobs_in(house: House) -> list[Job]:
    """Of a server that has not been started yet."""
    stand_in = StandIn(folder=house.folder / "morag")
    files = [house.folder / f"note {number}.txt" for number in range(COUNT)]
    for number, file in enumerate(files):
        file.write_text(f"This is note {number}.\n" * 100, encoding="utf-8")
    return [stand_in.add(file) for file in files]


@contextmanager
def serving(house: House, manners: Mapping[str, object], port: int = 0) -> Iterator[Running]:
    told = {"folder": str(house.folder / "morag"), "port": str(port)}
    told |= {"manners": json.dumps(manners), "weather": json.dumps(WEATHER)}
    words = [word for name, value in told.items() for word in (f"--{name}", value)]
    output = house.folder / f"morag-{port}.log"
    with (
        output.open("wb") as file,
        subprocess.Popen(
            [sys.executable, "-m", "tests.fakes.morag", *words],
            stdout=file,
            stderr=subprocess.STDOUT,
        ) as process,
    ):
        running = Running(process, output)
        try:
            wait_until(lambda: "http://" in running.said(), "its address")
            house.server_url = running.said().split()[0]
            yield running
        finally:
            process.kill()


def working(house: House, dialect: str) -> Running:
    return house.start(
        "attic",
        [
            "run",
            *("--dialect", dialect),
            *("--server-url", house.server_url),
            *("--spool", str(house.folder / "spool")),
            *("--content-types", "text"),
            *("--log-level", "debug"),
        ],
        # Killed while it sends a result, it sends that again only after as long.
        {"MORAG_AGENT_RESULT_TIMEOUT_MIN": "0.1"},
    )


@contextmanager
def between_polls(house: House, agent: Running) -> Iterator[None]:
    """The agent stands still, and has a note on disk about each job that it was given."""

    def is_noted() -> bool:
        agent.send(signal.SIGSTOP)
        time.sleep(0.1)
        notes = [file.read_text() for file in (house.folder / "spool" / "morag").glob("*.json")]
        given = (file.stem for file in (house.folder / "morag" / "processing").glob("*.json"))
        if all(any(job_id in note for note in notes) for job_id in given):
            return True
        agent.send(signal.SIGCONT)
        return False

    wait_until(is_noted, "a moment between two polls", pause=0.05)
    yield
    if agent.process.poll() is None:
        agent.send(signal.SIGCONT)


def done(house: House) -> int:
    return Books.count(house.folder / "morag")


@pytest.mark.slow
@pytest.mark.parametrize(
    ("dialect", "manners"),
    [("morag", {"ranges": True}), ("auto", {"ranges": False, "marks_first": False})],
)
def test_a_killed_agent_and_a_killed_server_lose_nothing_and_ingest_nothing_twice(
    house: House, dialect: str, manners: Mapping[str, object]
) -> None:
    jobs = jobs_in(house)
    with serving(house, manners) as server:
        agent = working(house, dialect)
        wait_until(lambda: done(house) >= 2, agent.said())
        with between_polls(house, agent):
            agent.send(signal.SIGKILL)
            agent.end()
        agent = working(house, dialect)
        wait_until(lambda: done(house) >= 5, agent.said())
        with between_polls(house, agent):
            server.send(signal.SIGKILL)
            server.end()
    port = httpx.URL(house.server_url).port or 0
    with serving(house, manners, port):
        wait_until(lambda: done(house) >= 8, agent.said())
        agent.send(signal.SIGTERM)
        agent.end()
        agent = working(house, dialect)
        wait_until(lambda: done(house) == COUNT, agent.said())

    books = Books.of(house.folder / "morag")
    assert books.lost() == []
    assert books.ingested_twice() == []
    assert books.failed() == []
    told = {job.id: job.result_data for job in books.jobs}
    for number, job in enumerate(jobs):
        result = told[job.id]
        assert result is not None
        assert result["content"].count(f"This is note {number}.") == 100
        assert result["metadata"]["filename"] == f"note {number}.txt"
