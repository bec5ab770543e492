"""Many tasks through bridge, server and two agents; each kind is killed once on the way."""

import json
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from celery.result import AsyncResult

from tests.celery_bridge.yard import QUEUES, Yard
from tests.end_to_end.house import Running, wait_until

FINAL = frozenset({"SUCCESS", "FAILURE", "REVOKED"})
VISIBILITY_S = 3


@dataclass
class Ear:
    """Hears each result that is stored, whoever stores it."""

    heard: Counter[str] = field(default_factory=Counter)

    def hear(self, message: dict[str, Any]) -> None:
        told = json.loads(message["data"])
        if told["status"] in FINAL:
            self.heard[told["task_id"]] += 1


@dataclass
class Outcome:
    """What a storm has left behind."""

    results: dict[str, Any]
    """By the words of each file."""
    stored: Counter[int]
    """How many tasks had so many results."""
    jobs: int
    completions: Counter[int]
    """How many jobs were completed so many times."""
    left: int
    """Messages that nobody has acknowledged, or taken."""
    seconds: float


@contextmanager
def listening(yard: Yard) -> Iterator[Ear]:
    ear = Ear()
    with yard.redis.client() as client:
        channel = client.pubsub(ignore_subscribe_messages=True)
        channel.psubscribe(**{"*celery-task-meta-*": ear.hear})
        thread = channel.run_in_thread(sleep_time=0.05, daemon=True)
        try:
            yield ear
        finally:
            thread.stop()
            thread.join()


def storm(yard: Yard, count: int, patience: float) -> Outcome:
    with listening(yard) as ear:
        began = time.monotonic()
        agents = {name: yard.house.agent(name, "--log-level", "info") for name in ("attic", "loft")}
        bridge = yard.bridge("--celery-visibility-s", str(VISIBILITY_S))
        tasks = {words: _send(yard, words, number) for number, words in enumerate(_letters(count))}

        def done() -> int:
            return sum(ear.heard[task.id] > 0 for task in tasks.values())

        _after(done, count // 5)
        _kill(bridge)
        bridge = yard.bridge("--celery-visibility-s", str(VISIBILITY_S))
        _after(done, count * 2 // 5)
        _kill(agents["attic"])
        yard.house.agent("attic", "--log-level", "info")
        _after(done, count * 3 // 5)
        _kill(yard.house.started[0])
        yard.house.serve(port=int(yard.house.server_url.rsplit(":", 1)[1]))
        wait_until(lambda: done() == count, f"the results: {done()} of {count}", patience)
        wait_until(lambda: yard.broker.left() == 0, "the last acknowledgements")
        results = {words: task.result for words, task in tasks.items()}
        seconds = time.monotonic() - began
        completions = [_completions(job) for job in _all_jobs(yard)]
        return Outcome(
            results,
            Counter(ear.heard[task.id] for task in tasks.values()),
            len(completions),
            Counter(completions),
            yard.broker.left(),
            seconds,
        )


def _letters(count: int) -> list[str]:
    return [f"This is letter number {number}." for number in range(count)]


def _send(yard: Yard, words: str, number: int) -> AsyncResult:
    path = yard.write(f"letter-{number}.txt", f"{words}\n")
    arguments = {"file_path": path, "user_id": f"user-{number}"}
    return yard.app.send_task("remote.process_file", kwargs=arguments, queue=QUEUES[number % 2])


def _after(done: Callable[[], int], count: int) -> None:
    wait_until(lambda: done() >= count, f"{count} results")


def _kill(running: Running) -> None:
    assert running.process.poll() is None, running.said()
    running.process.kill()
    running.end()


def _all_jobs(yard: Yard) -> list[dict[str, Any]]:
    jobs: list[dict[str, Any]] = []
    cursor: str | None = None
    with yard.house.client() as client:
        while True:
            asked = {"limit": "100"} | ({} if cursor is None else {"cursor": cursor})
            page = client.get("/v1/jobs", params=asked).json()
            jobs += page["jobs"]
            cursor = page.get("next")
            if cursor is None:
                return jobs


def _completions(job: dict[str, Any]) -> int:
    return sum(attempt["outcome"] == "completed" for attempt in job["attempts"])
