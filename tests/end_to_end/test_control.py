"""The owner and his agent, as real processes: status, pause, resume, drain, logs, settings."""

import json
import signal
import subprocess
import time
from pathlib import Path
from typing import Any

import pytest

from tests.end_to_end.house import House, Running, wait_until
from tests.end_to_end.terminal import COLUMNS, terminal
from tests.speech import FOX, SHIP, say

pytestmark = pytest.mark.slow

NO_AGENT = 3


def ask(house: House, *words: str, name: str = "attic") -> subprocess.CompletedProcess[str]:
    return house.run(*words, "--spool", str(house.folder / f"spool-{name}"))


def status(house: House) -> dict[str, Any]:
    said = ask(house, "status", "--json")
    assert said.returncode == 0, said.stderr
    told: dict[str, Any] = json.loads(said.stdout)
    return told


def why_idle(house: House) -> str:
    """The line as a person reads it, unfolded."""
    said = ask(house, "status")
    assert said.returncode == 0, said.stderr
    lines = said.stdout.splitlines()
    (start,) = (number for number, line in enumerate(lines) if line.startswith("idle "))
    folded = [lines[start].removeprefix("idle")]
    for line in lines[start + 1 :]:
        if not line.startswith(" "):
            break
        folded.append(line)
    return " ".join(" ".join(folded).split())


def started(house: House, *words: str) -> Running:
    agent = house.agent("attic", *words)
    agent.wait_for("hello.answered")
    wait_until(lambda: ask(house, "status").returncode == 0, "an answer at the socket")
    return agent


def spoken(house: House) -> str:
    """A job that computes for a while."""
    clip = say(f"{FOX} {SHIP}", house.folder / "long.wav").read_bytes()
    return house.create_job(clip, "long.wav", content_type="audio")


def test_a_pause_outlasts_a_kill_and_ends_by_itself(house: House) -> None:
    house.serve()
    agent = started(house)
    paused = ask(house, "pause", "--for", "25s")
    began = time.monotonic()
    assert paused.returncode == 0, paused.stderr
    assert paused.stdout.startswith("paused until ")

    agent.process.kill()
    agent.end()
    again = started(house)
    job_id = house.create_job(b"after the pause\n")

    assert again.events("owner.still_paused")
    assert why_idle(house).startswith("paused by its owner; it goes on by itself then (at ")
    assert house.job(job_id)["state"] == "queued"
    assert house.ended(job_id)["state"] == "completed"
    assert time.monotonic() - began >= 24.0
    assert [line["reason"] for line in again.events("owner.resumed")] == ["its time is over"]


def test_resume_ends_a_pause(house: House) -> None:
    house.serve()
    started(house)
    ask(house, "pause")
    job_id = house.create_job(b"hello\n")
    time.sleep(1.0)
    held_back = house.job(job_id)["state"]

    resumed = ask(house, "resume")

    assert held_back == "queued"
    assert resumed.stdout == "it takes work again\n"
    assert house.ended(job_id)["state"] == "completed"


def test_drain_ends_the_agent_once_its_job_is_done(house: House) -> None:
    house.serve()
    agent = started(house)
    job_id = spoken(house)
    agent.wait_for('"stage": "processing"')

    drained = ask(house, "drain")
    later = house.create_job(b"not any more\n")

    assert drained.stdout == "it takes nothing new, and ends after 1 job\n"
    assert agent.end(patience=120.0) == 0
    assert house.job(job_id)["state"] == "completed"
    assert house.job(later)["state"] == "queued"


def test_status_says_why_nothing_is_done(house: House) -> None:
    server = house.serve()
    port = int(house.server_url.rpartition(":")[2])
    agent = started(house, "--max-file-size", "2MB")

    no_job = why_idle(house)
    ask(house, "pause", "--for", "2h")
    paused = why_idle(house)
    ask(house, "resume")
    server.process.kill()
    server.end()
    # The poll that it was parked with only broke off; the next one finds nobody.
    agent.wait_for("the server cannot be reached (")
    server_gone = why_idle(house)
    house.serve(port=port)
    wait_until(lambda: status(house)["contact"]["trouble"] is None, "contact again")
    dialect = status(house)["contact"]["dialect"]

    assert dialect == "native"
    assert no_job == "no job waits that it may take; one that is for it is taken at once"
    assert paused.startswith("paused by its owner; it goes on by itself then (at ")
    assert paused.endswith(", in 2 h)")
    assert server_gone.startswith(("the server cannot be reached (", "the connection broke ("))
    assert server_gone.endswith("; it asks again by itself")


def test_status_says_that_the_disk_is_full(house: House) -> None:
    house.serve()
    started(house, "--spool-reserve", "1000000TB")

    assert why_idle(house).startswith("the spool's disk has ")


def test_a_job_can_be_watched_and_its_lines_read_after_all_is_over(house: House) -> None:
    house.serve()
    agent = started(house)
    job_id = spoken(house)
    agent.wait_for('"stage": "processing"')

    (held,) = status(house)["held"]
    listed = ask(house, "jobs", "--held")
    following = house.start("follow", ["logs", job_id, "--follow", "--spool", spool(house)])
    house.ended(job_id, patience=120.0)
    assert following.end() == 0
    agent.process.kill()
    agent.end()
    logged = ask(house, "logs", job_id[:8])

    assert (held["job_id"], held["filename"], held["stage"]) == (job_id, "long.wav", "processing")
    assert job_id in listed.stdout
    for text in (logged.stdout, following.said()):
        assert "offer.received" in text
        assert "job.ended" in text
    assert (house.folder / "attic.token").read_text().strip() not in logged.stdout


def spool(house: House) -> str:
    return str(house.folder / "spool-attic")


@pytest.mark.parametrize("verb", ["status", "pause", "resume", "drain"])
def test_where_no_agent_runs_a_sentence_says_so(house: House, verb: str) -> None:
    said = ask(house, verb)

    assert said.returncode == NO_AGENT
    assert said.stdout == ""
    assert said.stderr.startswith(f"error: no agent runs on the spool {spool(house)}: start one")
    assert len(said.stderr.splitlines()) == 1


def test_settings_follow_their_file_where_that_is_safe(house: House) -> None:
    house.serve()
    file = house.folder / "agent.toml"
    file.write_text("[limits]\nmax_jobs = 50\n")
    agent = started(house, "--config", str(file))

    file.write_text("[limits]\nmax_jobs = 1\n[agent]\nqueues = ['other']\n")
    agent.wait_for("settings.need_restart")
    shown = ask(house, "status").stdout
    file.write_text("[limits\n")
    agent.send(signal.SIGHUP)
    agent.wait_for("settings.refused")
    problem = status(house)["settings"]["problem"]
    house.create_job(b"the only one\n")

    assert agent.events("settings.reread")[0]["applied"] == ["limits.max_jobs"]
    assert "in force after a restart: agent.queues" in " ".join(shown.split())
    assert "is no valid TOML" in problem
    assert agent.end() == 0
    assert agent.events("agent.draining")[0]["reason"] == "1 jobs were taken"


def test_the_socket_is_gone_after_an_orderly_end(house: House) -> None:
    house.serve()
    agent = started(house)
    socket = Path(spool(house)) / "control" / "socket"
    was_there = socket.is_socket()

    agent.send(signal.SIGTERM)

    assert agent.end() == 0
    assert was_there
    assert not socket.exists()


def test_a_watch_on_a_terminal_shows_changes_and_ends_cleanly(house: House) -> None:
    house.serve()
    started(house)
    words = ["status", "--watch", "--every", "0.3", "--spool", spool(house)]
    with terminal(house, words, NO_COLOR="1") as shown:
        wait_until(lambda: shown.says("no job waits that it may take"), "the first look")
        ask(house, "pause", "--for", "1h")
        wait_until(lambda: shown.says("paused by its owner"), "the change")
        shown.process.send_signal(signal.SIGINT)
        wait_until(lambda: shown.says("\x1b[?1049l"), "the screen as it was")
        wait_until(lambda: shown.process.poll() is not None, "the end")

        assert shown.process.returncode == 0
        assert "\x1b[?25h" in shown.said  # the cursor is back
        assert "Traceback" not in shown.said
        assert "\x1b[33m" not in shown.said  # NO_COLOR
        assert max(map(len, shown.screen.splitlines())) <= COLUMNS


def test_an_agent_whose_terminal_is_gone_ends_in_good_order(house: House) -> None:
    house.serve()
    token = house.token("attic", "--agent", "attic")
    words = ["run", "--agent-id", "attic", "--token-file", str(token), "--spool", spool(house)]
    with terminal(house, [*words, "--server-url", house.server_url]) as shown:
        wait_until(lambda: shown.says("hello.answered"), "its start")
        shown.hang_up()
        wait_until(lambda: shown.process.poll() is not None, "the end", patience=20.0)

        assert shown.process.returncode == 0


def test_a_watch_in_a_pipe_prints_one_look_after_the_other(house: House) -> None:
    house.serve()
    started(house)
    watching = house.start(
        "watch", ["status", "--watch", "--every", "0.3", "--spool", spool(house)]
    )

    wait_until(lambda: watching.said().count("agent     attic") >= 3, "three looks")
    watching.send(signal.SIGINT)

    assert watching.end() == 0
    assert "\x1b" not in watching.said()
    assert max(len(line) for line in watching.said().splitlines()) <= 80
