"""The pool alone: requests by hand, and a result backend that answers when it is let to."""

import asyncio
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import cast

import pytest

from agent.celery_bridge import pool as pools
from agent.celery_bridge.errand import Access
from agent.celery_bridge.pool import Opened, WaitingPool
from agent.celery_bridge.results import Results
from agent.celery_bridge.wait import Desk
from agent.edges.http import Connection
from agent.edges.jobs_client import JobsClient
from tests.end_to_end.house import wait_until

NOTHING_STORED = (0, None, 0.0)


@dataclass
class Request:
    """What the pool and its waits touch of Celery's."""

    id: str
    finished: list[object] = field(default_factory=list)

    def on_success(self, answer: object) -> None:
        self.finished.append(answer)


class Slow:
    """A backend that has each result already, and says so once it may."""

    def __init__(self) -> None:
        self.may_answer = threading.Event()
        self.asked = 0
        self.is_broken = False

    async def state(self, _task_id: str) -> str:
        self.asked += 1
        await asyncio.to_thread(self.may_answer.wait, 30)
        if self.is_broken:
            self.is_broken = False
            raise OSError("no route to the backend")
        return "SUCCESS"

    async def run(self, call: Callable[[], object]) -> object:
        return call()


@pytest.fixture
def backend() -> Slow:
    return Slow()


@pytest.fixture
def pool(backend: Slow, tmp_path: Path) -> Iterator[WaitingPool]:
    def open_desk() -> Opened:
        connection = Connection("http://127.0.0.1:9", None)
        access = Access(JobsClient(connection), [tmp_path], tmp_path)
        desk = Desk(access, cast("Results", backend), {}, lambda _name: None)
        return desk, connection.close

    kind = type("Pool", (WaitingPool,), {"open_desk": staticmethod(open_desk)})
    pool: WaitingPool = kind(1)
    pool.start()
    yield pool
    backend.may_answer.set()
    if pool.active:
        pool.stop()


def apply(pool: WaitingPool, request: Request) -> list[int]:
    accepted: list[int] = []
    pool.apply_async(
        lambda: None,
        callback=request.on_success,
        accept_callback=lambda pid, _when: accepted.append(pid),
        correlation_id=request.id,
    )
    return accepted


def test_deliveries_of_one_task_wait_together_and_all_end(pool: WaitingPool, backend: Slow) -> None:
    first, second, other = Request("t1"), Request("t1"), Request("t2")
    assert [len(apply(pool, request)) for request in (first, second, other)] == [1, 1, 1]
    wait_until(lambda: backend.asked == 2, "the questions")

    backend.may_answer.set()

    wait_until(lambda: second.finished and other.finished, "the ends")
    assert first.finished == second.finished == other.finished == [NOTHING_STORED]
    assert backend.asked == 2


def test_a_wait_that_breaks_is_begun_again(
    pool: WaitingPool, backend: Slow, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pools, "AGAIN_S", 0.01)
    backend.is_broken = True
    backend.may_answer.set()
    request = Request("t1")

    apply(pool, request)

    wait_until(lambda: request.finished, "the end")
    assert backend.asked == 2


def test_a_pool_that_is_stopped_waits_for_nobody(pool: WaitingPool, backend: Slow) -> None:
    request = Request("t1")
    apply(pool, request)
    wait_until(lambda: backend.asked == 1, "the question")

    pool.stop()

    assert request.finished == []
