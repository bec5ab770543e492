"""An agent that is watched: its port, its ledger, its manager, and what happens when it stands."""

import signal
import socket
import time
from pathlib import Path

import httpx
import psutil
import pytest
from prometheus_client.parser import text_string_to_metric_families

from agent.cli.exit_codes import ExitCode
from tests.end_to_end.house import House, Running, wait_until
from tests.speech import LETTER, MARKET, say

pytestmark = pytest.mark.slow

WEDGING_SITE = Path(__file__).parent / "wedging_site"
WEDGE_S = 6.0


def scrape(agent: Running) -> dict[tuple[str, ...], float]:
    """Every sample by its name and labels."""
    answer = httpx.get(address_of(agent) + "/metrics", trust_env=False)
    families = text_string_to_metric_families(answer.text)
    return {
        (sample.name.removeprefix("morag_agent_"), *sample.labels.values()): sample.value
        for family in families
        for sample in family.samples
    }


def address_of(agent: Running) -> str:
    agent.wait_for("watch.opened")
    return str(agent.events("watch.opened")[0]["address"])


def wedging_agent(house: House) -> Running:
    return house.agent(
        "attic", *("--wedge-s", f"{WEDGE_S:g}", "--watch-port", "0"), PYTHONPATH=str(WEDGING_SITE)
    )


def ledger(house: House, *words: str) -> str:
    told = house.run("ledger", "--spool", str(house.folder / "spool-attic"), *words)
    assert told.returncode == 0, told.stderr
    return told.stdout


def test_the_port_and_the_ledger_tell_what_a_job_has_cost(house: House) -> None:
    house.serve()
    agent = house.agent("attic", "--watch-port", "0")
    content = b"a note that is long enough to be counted\n" * 100
    house.ended(house.create_job(content))
    wait_until(lambda: ("jobs_total", "text", "completed") in scrape(agent), "the job's end")

    seen = scrape(agent)

    assert seen["jobs_total", "text", "completed"] == 1.0
    assert seen["moved_bytes_total", "in"] == len(content)
    assert seen["moved_bytes_total", "out"] > 0
    assert seen["calls_total", "poll", "offer"] == 1.0
    assert seen["server_reachable",] == 1.0
    assert seen["alive",] == 1.0
    health = httpx.get(address_of(agent) + "/healthz", trust_env=False)
    assert (health.status_code, health.text) == (200, "the agent is well: waits for work\n")
    (row,) = ledger(house, "--by", "job", "--csv").splitlines()[1:]
    assert f"text,completed,1,{row.split(',')[5]}" in row
    assert f",{len(content)}," in row


def test_nobody_listens_unless_the_owner_says_so(house: House) -> None:
    house.serve()
    agent = house.agent()
    agent.wait_for("hello.answered")

    listening = [
        one
        for process in agent.family()
        for one in process.net_connections("inet")
        if one.status == psutil.CONN_LISTEN
    ]

    assert listening == []


def test_a_loop_that_stands_still_ends_the_agent_and_its_job_goes_on(house: House) -> None:
    clip = say(f"{MARKET} {LETTER}", house.folder / "long.wav").read_bytes()
    house.serve()
    agent = wedging_agent(house)
    job_id = house.create_job(clip, "long.wav", content_type="audio")
    agent.wait_for('"stage": "processing"')
    family = agent.family()

    agent.send(signal.SIGUSR2)
    began = time.monotonic()
    healthz = address_of(agent) + "/healthz"
    code = agent.end(patience=5 * WEDGE_S)

    # As systemd's Restart=always, podman's --restart or a loop in a shell would.
    assert code == ExitCode.WEDGED
    assert WEDGE_S / 2 < time.monotonic() - began < 4 * WEDGE_S
    assert "the event loop stands still" in agent.events("agent.wedged")[0]["reason"]
    assert "_stand_still" in agent.said()
    wait_until(lambda: not any(process.is_running() for process in family), "no orphan")
    with pytest.raises(httpx.TransportError):
        httpx.get(healthz, trust_env=False)
    again = wedging_agent(house)

    job = house.ended(job_id, patience=120.0)
    assert job["state"] == "completed"
    assert [attempt["outcome"] for attempt in job["attempts"]] == ["completed"]
    assert len(again.events("job.resumed")) == 1
    wait_until(lambda: "completed" in ledger(house, "--by", "job"), "the line of the ledger")
    (row,) = ledger(house, "--by", "job", "--csv").splitlines()[1:]
    assert job_id in row


def test_a_stopped_process_that_goes_on_is_not_called_wedged(house: House) -> None:
    house.serve()
    agent = wedging_agent(house)
    agent.wait_for("hello.answered")

    agent.send(signal.SIGSTOP)
    time.sleep(2 * WEDGE_S)
    agent.send(signal.SIGCONT)
    time.sleep(WEDGE_S)

    assert agent.process.poll() is None
    house.ended(house.create_job(b"still here\n"))


def test_systemd_hears_when_it_is_ready_what_it_does_and_that_it_lives(house: House) -> None:
    manager = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    manager.bind(str(house.folder / "notify"))
    manager.settimeout(30.0)
    house.serve()
    agent = house.agent("attic", NOTIFY_SOCKET=str(house.folder / "notify"), WATCHDOG_USEC="900000")
    heard: list[str] = []

    def hears(line: str) -> bool:
        while not any(line in message for message in heard):
            heard.append(manager.recv(4096).decode())
        return True

    assert hears("READY=1")
    assert hears("WATCHDOG=1")
    house.ended(house.create_job(b"a note\n"))
    assert hears("STATUS=holds 1 ")
    agent.send(signal.SIGHUP)
    assert hears("RELOADING=1")
    agent.send(signal.SIGTERM)
    assert hears("STOPPING=1")
    assert agent.end() == 0
    manager.close()


def test_systemd_hears_nothing_more_of_a_loop_that_stands_still(house: House) -> None:
    manager = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    manager.bind(str(house.folder / "notify"))
    manager.settimeout(30.0)
    house.serve()
    environ = {"PYTHONPATH": str(WEDGING_SITE), "NOTIFY_SOCKET": str(house.folder / "notify")}
    agent = house.agent("attic", "--wedge-s", "6", WATCHDOG_USEC="900000", **environ)
    while b"WATCHDOG=1" not in manager.recv(4096):
        pass

    agent.send(signal.SIGUSR2)
    agent.end(patience=60.0)

    assert agent.process.returncode == ExitCode.WEDGED
    manager.settimeout(0.1)
    while (last := received(manager)) is not None:
        assert "STOPPING" not in last
    manager.close()


def received(manager: socket.socket) -> str | None:
    """The next message; None: there is no more."""
    try:
        return manager.recv(4096).decode()
    except TimeoutError:
        return None
