import subprocess
import sys
import threading
import time
from collections.abc import Callable

import pytest

from agent.edges import watchdog
from agent.edges.watchdog import Watchdog
from agent.model.ids import Instant, Seconds

SOON = 10.0
EVERY = Seconds(0.02)


def nothing() -> None:
    """Nobody ends."""


def wait_for(is_so: Callable[[], object]) -> None:
    deadline = time.monotonic() + SOON
    while not is_so():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def test_each_look_without_trouble_is_a_sign_of_life() -> None:
    alive, ended = threading.Semaphore(0), threading.Event()
    dog = Watchdog(lambda _: None, every=EVERY, end=ended.set, on_alive=alive.release)

    for _ in range(3):
        assert alive.acquire(timeout=SOON)

    dog.close()
    assert not ended.is_set()


def test_trouble_is_told_and_ends_the_process() -> None:
    told: list[str] = []
    alive, ended = threading.Event(), threading.Event()
    Watchdog(lambda _: "stuck", every=EVERY, end=ended.set, on_alive=alive.set, tell=told.append)

    assert ended.wait(SOON)
    assert told == ["stuck"]
    assert not alive.is_set()


def test_looks_are_taken_by_a_clock_that_goes_on() -> None:
    looks: list[Instant] = []

    def look(at: Instant) -> None:
        looks.append(at)

    dog = Watchdog(look, every=EVERY, end=nothing)
    wait_for(lambda: len(looks) > 2)
    dog.close()

    assert looks == sorted(looks)


def test_a_log_that_hangs_does_not_keep_the_process_alive(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(watchdog, "TELLING", 0.1)
    ended, never = threading.Event(), threading.Event()

    def hang(trouble: str) -> None:
        del trouble
        never.wait(60)

    Watchdog(lambda _: "stuck", every=EVERY, end=ended.set, tell=hang)

    assert ended.wait(SOON)
    never.set()


def test_after_close_nobody_looks() -> None:
    looks: list[Instant] = []
    dog = Watchdog(looks.append, every=EVERY, end=nothing)

    dog.close()
    before = len(looks)
    time.sleep(5 * EVERY)

    assert len(looks) == before
    assert not dog._thread.is_alive()


BLOCKED = """
import os, time
from agent.edges.logs import set_up
from agent.edges.watchdog import Watchdog
set_up()
def stands_still():
    time.sleep(60)
Watchdog(lambda _: "the event loop stands still", every=0.1, end=lambda: os._exit(75))
stands_still()
"""


def test_a_process_that_ends_itself_says_where_it_stood() -> None:
    ended = subprocess.run(
        [sys.executable, "-c", BLOCKED], capture_output=True, text=True, timeout=30, check=False
    )

    assert ended.returncode == 75
    assert '"event": "agent.wedged", "reason": "the event loop stands still"' in ended.stderr
    assert "in stands_still" in ended.stderr
