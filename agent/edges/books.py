"""The owner's account of what the agent does: numbers for `/metrics`, rows for the ledger.

The runtime calls it from the event loop; the watch port reads it from a thread of its own, so what
that reads is replaced or counted up in one step, never rebuilt in place.
"""

import time
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from agent.edges.display import printable
from agent.edges.job_traffic import JobTraffic
from agent.edges.ledger import DiskLedger, Spent
from agent.edges.meter import Meter
from agent.model.ids import Bytes, JobId, Seconds
from agent.model.lease import Stage

BOOK_EVERY = Seconds(60.0)
"""What `kill -9` can take from the ledger."""
TICKS_KEPT = 12
NOT_OVER = frozenset({"kept", "unheard"})
"""Endings that only this start has seen: a later one goes on with the job, or hears its end."""


@dataclass(slots=True)
class Held:
    """One job whose lease is accepted."""

    content_type: str
    stage: Stage
    booked_at: float
    """Its time is in the ledger until here."""
    is_paused: bool = False
    """Then its time is nobody's work."""


class Books:
    """The `Observer` port."""

    def __init__(
        self,
        ledger: DiskLedger,
        traffic: JobTraffic,
        meter: Meter,
        *,
        on_news: Callable[[str], None] = lambda _: None,
        now: Callable[[], float] = time.monotonic,
    ) -> None:
        """`on_news` is told, in a line, what the agent is doing. `now` stands still in sleep."""
        self.traffic = traffic
        self.meter = meter
        self.held: dict[JobId, Held] = {}
        self.ended: dict[tuple[str, str], int] = {}
        """How many jobs, by content type and ending."""
        self.seconds: dict[str, float] = dict.fromkeys(Stage, 0.0)
        self.calls: dict[tuple[str, str], int] = {}
        self.is_reachable: bool | None = None
        """None: no call to the server has ended yet."""
        self._lags: deque[float] = deque(maxlen=TICKS_KEPT)
        self._detail = ""
        self._ledger = ledger
        self._on_news = on_news
        self._now = now
        self._booked_at = now()

    @property
    def lag(self) -> float:
        """The worst of the last ticks, in seconds."""
        return max(tuple(self._lags), default=0.0)

    @property
    def stages(self) -> Mapping[Stage, int]:
        """How many jobs are held in each."""
        held = [job.stage for job in list(self.held.values())]
        return {stage: held.count(stage) for stage in Stage}

    @property
    def line(self) -> str:
        """What the agent is doing, or why nothing."""
        if self.is_reachable is None:
            return "asks the server for the first time"
        if not self.is_reachable:
            return printable(f"the server does not answer: {self._detail}")
        held = [f"{count} {stage}" for stage, count in self.stages.items() if count]
        idle = f"idle: {self._detail}" if self._detail else "waits for work"
        return printable("holds " + ", ".join(held) if held else idle)

    def job_taken(self, job_id: JobId, content_type: str, stage: Stage) -> None:
        self.held[job_id] = Held(content_type, stage, self._now())
        self._book(job_id)
        self._tell()

    def job_moved(self, job_id: JobId, stage: Stage) -> None:
        if job_id in self.held:
            self._book(job_id)
            self.held[job_id].stage = stage
            self.held[job_id].is_paused = False
            self._tell()

    def job_paused(self, job_id: JobId) -> None:
        self._pause(job_id, is_paused=True)

    def job_went_on(self, job_id: JobId) -> None:
        self._pause(job_id, is_paused=False)

    def job_ended(self, job_id: JobId, ending: str, size: Bytes | None = None) -> None:
        if job_id in self.held:
            self._book(job_id)
            key = self.held.pop(job_id).content_type, ending
            self.ended[key] = self.ended.get(key, 0) + 1
        self.traffic.take(job_id)
        if ending not in NOT_OVER:
            self._ledger.end(job_id, ending, size)
        self._tell()

    def call_ended(self, call: str, outcome: str, detail: str = "") -> None:
        self.calls[call, outcome] = self.calls.get((call, outcome), 0) + 1
        self.is_reachable = outcome != "unavailable"
        if detail or call == "poll":
            self._detail = detail
        self._tell()

    def ticked(self, lag: Seconds) -> None:
        self._lags.append(lag)
        if self._now() - self._booked_at >= BOOK_EVERY:
            self._booked_at = self._now()
            for job_id in self.held:
                self._book(job_id)

    def close(self) -> None:
        """Book what is still held; returns when it is on disk."""
        for job_id in self.held:
            self._book(job_id)
        self._ledger.close()

    def _pause(self, job_id: JobId, *, is_paused: bool) -> None:
        if job_id in self.held:
            self._book(job_id)
            self.held[job_id].is_paused = is_paused

    def _book(self, job_id: JobId) -> None:
        job, now = self.held[job_id], self._now()
        elapsed, job.booked_at = now - job.booked_at, now
        worked = 0.0 if job.is_paused else elapsed
        self.seconds[job.stage] += worked
        received, sent = self.traffic.take(job_id)
        cost = self.meter.take(job_id)
        spent = Spent(gpu=cost.seconds, joules=cost.joules, received=received, sent=sent)
        setattr(spent, job.stage.value, worked)
        self._ledger.book(job_id, job.content_type, spent)

    def _tell(self) -> None:
        self._on_news(self.line)
