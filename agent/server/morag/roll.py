"""Which of MoRAG's workers were heard lately: in memory, since only the last minutes matter."""

from collections.abc import Collection
from dataclasses import dataclass, field

from agent.server.queue.plain import Worker
from agent.server.queue.values import Moment
from agent.wire.morag_workers import ALIVE_S, WorkerMetrics, WorkerStatus

MOST = 1000
FORGOTTEN_S = 3600.0
"""A worker that never registered makes up a new name at each of its starts."""


@dataclass(slots=True)
class Heard:
    worker: Worker
    first: Moment
    last: Moment
    content_types: frozenset[str] = frozenset()
    status: WorkerStatus | None = None
    """As its last heartbeat said; None: it never sent one."""
    metrics: WorkerMetrics = field(default_factory=WorkerMetrics)

    def is_alive(self, now: Moment) -> bool:
        return now - self.last < ALIVE_S


class Roll:
    def __init__(self) -> None:
        self._heard: dict[str, Heard] = {}

    def saw(self, worker: Worker, now: Moment, content_types: Collection[str] = ()) -> None:
        heard = self._of(worker, now)
        heard.last = now
        if content_types:
            heard.content_types = frozenset(content_types)

    def beat(
        self, worker: Worker, now: Moment, status: WorkerStatus, metrics: WorkerMetrics
    ) -> None:
        self.saw(worker, now)
        heard = self._of(worker, now)
        heard.status, heard.metrics = status, metrics

    def _of(self, worker: Worker, now: Moment) -> Heard:
        heard = self._heard.get(worker.name)
        if heard is None or heard.worker != worker:
            self._forget_old(now)
            heard = self._heard[worker.name] = Heard(worker, now, now)
        return heard

    def _forget_old(self, now: Moment) -> None:
        by_age = sorted(self._heard.items(), key=lambda item: item[1].last)
        spare = len(by_age) - MOST + 1
        for place, (name, heard) in enumerate(by_age):
            if place < spare or now - heard.last > FORGOTTEN_S:
                del self._heard[name]

    def forget(self, name: str) -> None:
        self._heard.pop(name, None)

    def of(self, name: str) -> Heard | None:
        return self._heard.get(name)

    def every(self) -> tuple[Heard, ...]:
        return tuple(self._heard.values())
