import signal
import time

import pytest

from tests.end_to_end.house import House, Running, wait_until
from tests.speech import LETTER, MARKET, say

pytestmark = pytest.mark.slow

GRACE = 10.0
"""Seconds that a container gives."""


@pytest.fixture
def busy(house: House) -> tuple[House, Running, str]:
    """An agent that computes something long."""
    clip = say(f"{MARKET} {LETTER}", house.folder / "long.wav").read_bytes()
    house.serve()
    agent = house.agent("attic", "--stop-grace-s", "1")
    job_id = house.create_job(clip, "long.wav", content_type="audio")
    agent.wait_for('"stage": "processing"')
    return house, agent, job_id


def test_sigterm_hands_the_job_back_within_ten_seconds(busy: tuple[House, Running, str]) -> None:
    house, agent, job_id = busy
    family = agent.family()
    started = time.monotonic()

    agent.send(signal.SIGTERM)

    assert agent.end() == 0
    assert time.monotonic() - started < GRACE
    assert house.job(job_id)["state"] == "queued"
    assert house.job(job_id)["attempts"][-1]["outcome"] == "released"
    wait_until(lambda: not any(process.is_running() for process in family), "no orphan")


def test_sigterm_ends_an_agent_whose_server_is_gone(busy: tuple[House, Running, str]) -> None:
    house, agent, _ = busy
    server = house.started[0]
    server.process.kill()
    server.end()
    started = time.monotonic()

    agent.send(signal.SIGTERM)

    assert agent.end() == 0
    assert time.monotonic() - started < GRACE


def test_ctrl_c_once_finishes_what_is_held(busy: tuple[House, Running, str]) -> None:
    house, agent, job_id = busy

    agent.send(signal.SIGINT)
    # Only from here on: before it, the place behind the slot is free for it.
    agent.wait_for("agent.draining")
    later = house.create_job(b"not any more\n")

    assert agent.end(patience=120.0) == 0
    assert house.job(job_id)["state"] == "completed"
    assert house.job(later)["state"] == "queued"


def test_ctrl_c_twice_hands_back(busy: tuple[House, Running, str]) -> None:
    house, agent, job_id = busy

    agent.send(signal.SIGINT)
    agent.wait_for("agent.draining")
    agent.send(signal.SIGINT)

    assert agent.end(patience=GRACE) == 0
    assert house.job(job_id)["state"] == "queued"


def test_ctrl_c_three_times_exits_now(busy: tuple[House, Running, str]) -> None:
    _, agent, _ = busy
    family = agent.family()

    agent.send(signal.SIGINT)
    agent.wait_for("agent.draining")
    agent.process.send_signal(signal.SIGINT)
    agent.process.send_signal(signal.SIGINT)

    # The kernel may merge two signals that come at once; a person's fourth press is as good.
    wait_until(lambda: agent.process.poll() is not None, "the end", patience=5.0)
    assert agent.process.returncode in {0, 130}
    wait_until(lambda: not any(process.is_running() for process in family), "no orphan")


def test_sigterm_ends_an_agent_that_waits_for_its_server(house: House) -> None:
    house.serve()
    house.token("attic", "--agent", "attic")
    house.server_url = "http://127.0.0.1:9"
    agent = house.agent()
    agent.wait_for("hello.postponed")

    agent.send(signal.SIGTERM)

    assert agent.end(patience=GRACE) == 0
