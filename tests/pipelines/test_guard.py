"""Nothing that a child has started outlives it, whatever session it has made for itself."""

import fcntl
import os
import resource
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from uuid import uuid4

import psutil
import pytest

from agent.pipelines.guard import split_off_guard
from tests.processes import named, words

CHILD = """
import ctypes, os, signal, subprocess, sys, time
from agent.pipelines.guard import split_off_guard

split_off_guard()
sleep = ["setsid", "sleep", sys.argv[1]]
subprocess.Popen(["sleep", sys.argv[1]])
subprocess.Popen(sleep)
subprocess.run(["sh", "-c", '"$@" & exit', "sh", *sleep], check=True)  # it loses its parent
subprocess.run(["sh", "-c", '(trap "" TERM HUP INT; "$@") & exit', "sh", *sleep], check=True)
print(os.getpid(), flush=True)
sys.stdin.readline()
match sys.argv[2]:
    case "exit": sys.exit(3)
    case "segfault": ctypes.string_at(0)
    case "kill": os.kill(os.getpid(), signal.SIGKILL)
    case "hang": signal.pthread_sigmask(signal.SIG_BLOCK, signal.valid_signals()); time.sleep(3600)
"""
AGENT = """
import subprocess, sys
child = subprocess.Popen([sys.executable, "-c", *sys.argv[1:]], start_new_session=True)
child.wait()
"""
SLEEPERS = 4


@pytest.fixture
def tag() -> Iterator[str]:
    """How long the sleepers of this test sleep, by which they are known."""
    tag = f"3600.{uuid4().int}"
    yield tag
    for process in named(tag):
        with suppress(psutil.Error):
            process.kill()


def sleepers(tag: str) -> list[psutil.Process]:
    return [process for process in named(tag) if words(process)[0] == "sleep"]


def start(tag: str, way: str, *above: str) -> tuple["subprocess.Popen[str]", int]:
    """The process that was started, and the worker's id once all its sleepers sleep."""
    process = subprocess.Popen(
        [sys.executable, "-c", *above, CHILD, tag, way],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        start_new_session=True,
    )
    assert process.stdout is not None
    worker = int(process.stdout.readline())
    wait_for(lambda: len(sleepers(tag)) == SLEEPERS)
    return process, worker


def wait_for(is_so: Callable[[], object], seconds: float = 10.0) -> None:
    deadline = time.monotonic() + seconds
    while not is_so():
        assert time.monotonic() < deadline
        time.sleep(0.01)


@pytest.mark.parametrize(
    ("way", "status"),
    [
        ("return", 0),
        ("exit", 3),
        ("segfault", -signal.SIGSEGV),
        ("kill", -signal.SIGKILL),
    ],
)
def test_it_ends_as_its_worker_did_and_takes_the_rest_along(
    tag: str, way: str, status: int
) -> None:
    process, _ = start(tag, way)

    process.communicate("now\n", timeout=10)

    assert process.returncode == status
    assert named(tag) == []


def test_told_to_end_it_ends_a_worker_that_ignores_every_signal(tag: str) -> None:
    process, _ = start(tag, "hang")
    assert process.stdin is not None
    process.stdin.write("now\n")
    process.stdin.flush()

    begun = time.monotonic()
    process.terminate()
    process.communicate(timeout=10)

    assert time.monotonic() - begun < 3
    assert process.returncode == -signal.SIGTERM
    assert named(tag) == []


def test_nothing_is_left_when_the_agent_is_killed(tag: str) -> None:
    agent, _ = start(tag, "hang", AGENT)

    agent.kill()
    agent.communicate(timeout=10)

    wait_for(lambda: not named(tag), seconds=3)


def test_a_worker_whose_guard_is_killed_dies_with_it(tag: str) -> None:
    guard, worker = start(tag, "hang")

    with guard:
        guard.kill()

    wait_for(lambda: not psutil.pid_exists(worker), seconds=3)


def test_orphans_are_buried_while_the_worker_lives(tag: str) -> None:
    process, worker = start(tag, "return")
    guard = psutil.Process(process.pid)
    below = {child.pid for child in guard.children()} - {worker}
    assert below

    for pid in below:
        os.kill(pid, signal.SIGKILL)

    wait_for(lambda: {child.pid for child in guard.children()} == {worker})
    process.communicate("now\n", timeout=10)


def test_a_worker_goes_first_when_memory_runs_out(tag: str) -> None:
    process, worker = start(tag, "return")

    assert Path(f"/proc/{worker}/oom_score_adj").read_text() == "500\n"
    process.communicate("now\n", timeout=10)


def test_elsewhere_than_on_linux_there_is_no_guard(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "platform", "darwin")

    before = os.getpid()
    split_off_guard()

    assert os.getpid() == before


CLOSES_ITS_PIPE = """
import os, sys, time
from agent.pipelines.guard import split_off_guard

split_off_guard()
os.close(int(sys.argv[1]))
time.sleep(3600)
"""


def test_the_guard_holds_no_pipe_however_high_its_number() -> None:
    ours, theirs = socket.socketpair()
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    high = fcntl.fcntl(theirs, fcntl.F_DUPFD, min(1500, most - 1))
    theirs.close()
    child = subprocess.Popen(
        [sys.executable, "-c", CLOSES_ITS_PIPE, str(high)], pass_fds=[high], start_new_session=True
    )
    with child, ours:
        os.close(high)
        ours.settimeout(30.0)
        try:
            assert ours.recv(1) == b""
        finally:
            child.terminate()
