"""Jobs without end, and the book in which the test itself writes what has to become of them."""

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from random import Random
from typing import Any, Self

import httpx

from agent.wire.jobs import ENDED
from tests.torture.den import Den
from tests.torture.nursery import PATIENCE, wait_until

DEPTH = 2
"""Jobs that wait, at least: the agent never idles."""
PAUSE = 0.05
TUS = {"Tus-Resumable": "1.0.0"}
WORDS = "the old man closed the door of his shop and walked slowly down the hill to the river"


@dataclass(frozen=True, slots=True)
class Task:
    """One job as its sender sees it."""

    number: int
    content: bytes

    @property
    def filename(self) -> str:
        return f"job-{self.number}.txt"

    @property
    def key(self) -> str:
        return f"torture-{self.number}"

    def is_answered_by(self, artifacts: dict[str, bytes]) -> bool:
        """All that a text job has to give back, said independently of the pipeline."""
        if set(artifacts) != {"text.txt", "document.md"}:
            return False
        document = artifacts["document.md"]
        ending = b"\n## Content\n\n" + self.content.strip(b"\n") + b"\n"
        return (
            artifacts["text.txt"] == self.content
            and document.startswith(f"# Document: {self.filename}\n".encode())
            and document.endswith(ending)
        )


def task(number: int, rng: Random) -> Task:
    """A text of a few bytes or of a few megabytes, with the job's number all over it."""
    size = rng.choice([0, 0, 0, rng.randint(1, 4000), rng.randint(5, 200) * 1000])
    size = rng.randint(1_000_000, 4_000_000) if rng.random() < 0.15 else size
    line = f"job {number} of {rng.random()}, block "
    filling = f"{WORDS}\n" * 50
    blocks = range(1 + size // len(filling))
    text = "".join(f"{line}{block}\n{filling if size else ''}" for block in blocks)
    return Task(number, text.encode())


@dataclass
class Ledger:
    """What was sent, under the id that the server gave it."""

    tasks: dict[str, Task] = field(default_factory=dict)


class Stream:
    """Sends jobs in a thread of its own while it is entered."""

    def __init__(self, den: Den, rng: Random) -> None:
        self.ledger = Ledger()
        self._den = den
        self._rng = rng
        self._is_over = threading.Event()
        self._broke: BaseException | None = None
        self._thread = threading.Thread(target=self._run, name="stream")

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._is_over.set()
        self._thread.join()
        if self._broke is not None:
            raise self._broke

    def _run(self) -> None:
        try:
            with self._den.client() as client:
                number = 0
                while not self._is_over.is_set():
                    if _waiting(client) < DEPTH:
                        send(client, task(number, self._rng), self.ledger)
                        number += 1
                    self._is_over.wait(PAUSE)
        except BaseException as error:  # noqa: BLE001 - for the thread that waits for this one
            self._broke = error


def _waiting(client: httpx.Client) -> int:
    query = {"state": "queued", "limit": str(DEPTH)}
    answer = patiently(lambda: client.get("/v1/jobs", params=query))
    return len(answer.json()["jobs"])


def send(client: httpx.Client, sent: Task, ledger: Ledger) -> str:
    """A client that cannot know whether it was heard says everything again."""
    body = {
        "content_type": "text",
        "filename": sent.filename,
        "size": len(sent.content),
        "idempotency_key": sent.key,
        "max_attempts": 20,
    }
    created = patiently(lambda: client.post("/v1/jobs", json=body)).json()
    job_id = str(created["job_id"])
    ledger.tasks[job_id] = sent
    while True:
        told = patiently(lambda: client.head(created["upload"], headers=TUS))
        offset = int(told.headers["Upload-Offset"])
        if offset == len(sent.content):
            return job_id
        headers = TUS | {
            "Upload-Offset": str(offset),
            "Content-Type": "application/offset+octet-stream",
        }
        try:
            client.patch(created["upload"], content=sent.content[offset:], headers=headers)
        except httpx.TransportError:
            time.sleep(PAUSE)


def patiently(call: Callable[[], httpx.Response]) -> httpx.Response:
    """The answer of a server that may be dead or dying just now."""
    deadline = time.monotonic() + PATIENCE
    while True:
        try:
            answer = call()
        except httpx.TransportError as error:
            why = str(error)
        else:
            if answer.status_code < 500:
                assert answer.is_success, answer.text
                return answer
            why = answer.text
        assert time.monotonic() < deadline, f"no answer within {PATIENCE:g} s: {why}"
        time.sleep(PAUSE)


def job_at(client: httpx.Client, job_id: str) -> dict[str, Any]:
    """The job as the server tells it."""
    found: dict[str, Any] = patiently(lambda: client.get(f"/v1/jobs/{job_id}")).json()
    return found


def wait_for_the_end(client: httpx.Client, ledger: Ledger) -> None:
    """Until no job is on its way any more."""
    left = set(ledger.tasks)

    def is_empty() -> bool:
        for job_id in sorted(left)[:20]:
            if job_at(client, job_id)["state"] in ENDED:
                left.discard(job_id)
        return not left

    wait_until(f"the end of all jobs; left are {left}", is_empty, pause=PAUSE)
