"""A MoRAG server's remote jobs in memory, and notes about them that outlast their reader."""

import asyncio
from collections import Counter, deque
from collections.abc import Sequence
from dataclasses import dataclass, field

from agent.model.claim import Claim, JobStatus, NewJob, Outcome
from agent.model.errors import LeaseLostError, ServerError, SpoolError
from agent.model.ids import Bytes, Instant, JobId, JsonObject, Seconds
from agent.model.lease import LostReason
from agent.ports import InDoubt, NotTaken, Sent, Sight, Taken
from tests.virtual_time import LoopClock


@dataclass
class FakeRemoteJobs:
    """Behaves as MoRAG does, its weaknesses included."""

    clock: LoopClock
    latency: Seconds = Seconds(0.0)  # noqa: RUF009 - a number
    ingestion: Seconds = Seconds(0.0)  # noqa: RUF009 - a number
    marks_first: bool = True
    """Is a job called completed before its result is ingested, or after."""
    size: Bytes | None = Bytes(10)  # noqa: RUF009 - a number
    jobs: dict[JobId, NewJob] = field(default_factory=dict[JobId, NewJob])
    states: dict[JobId, JobStatus] = field(default_factory=dict[JobId, JobStatus])
    outcomes: dict[JobId, list[Outcome]] = field(default_factory=dict[JobId, list[Outcome]])
    ingested: Counter[JobId] = field(default_factory=Counter[JobId])
    errors: dict[str, deque[ServerError]] = field(default_factory=dict[str, deque[ServerError]])
    """By call: raised one by one, before anything is done."""
    losses: deque[ServerError] = field(default_factory=deque[ServerError])
    """Of the next results the answers are lost, after all was done."""
    uplink: Seconds = Seconds(0.0)  # noqa: RUF009 - a number
    """What a result is on its way for, before the server has it."""
    asked_at: list[Instant] = field(default_factory=list[Instant])
    """When a job was asked for."""
    calls: list[str] = field(default_factory=list[str])

    def add(
        self, name: str = "j1", content_type: str = "text", options: JsonObject | None = None
    ) -> JobId:
        job_id = JobId(name)
        self.jobs[job_id] = NewJob(
            job_id=job_id,
            url=f"/{name}/download",
            content_type=content_type,
            task_options=options or {},
        )
        self.states[job_id] = JobStatus.PENDING
        return job_id

    async def claim(self, content_types: Sequence[str]) -> NewJob | None:
        self.asked_at.append(self.clock.now())
        await self._called("claim")
        for job in self.jobs.values():
            is_pending = self.states[job.job_id] is JobStatus.PENDING
            if is_pending and job.content_type in content_types:
                self.states[job.job_id] = JobStatus.PROCESSING
                return job
        return None

    async def status(self, job_id: JobId) -> JobStatus:
        await self._called("status")
        if job_id not in self.states:
            raise LeaseLostError(LostReason.UNKNOWN)
        return self.states[job_id]

    async def look(self, url: str) -> Sight:
        await self._called("look")
        return Sight(url.split("/")[1] + ".txt", self.size)

    async def send(self, job_id: JobId, outcome: Outcome, patience: Seconds) -> Sent:
        try:
            await self._called("send")
        except ServerError as error:
            return NotTaken(error)
        await asyncio.sleep(self.uplink)
        # The server goes on, whoever listens.
        taking = asyncio.create_task(self._take(job_id, outcome))
        if self.losses:
            return InDoubt(self.losses.popleft())
        async with asyncio.timeout(patience):
            await asyncio.shield(taking)
        return Taken(self.states[job_id], outcome.is_success)

    async def _take(self, job_id: JobId, outcome: Outcome) -> None:
        self.outcomes.setdefault(job_id, []).append(outcome)
        state = JobStatus.COMPLETED if outcome.is_success else JobStatus.FAILED
        if self.marks_first:
            self.states[job_id] = state
        if outcome.is_success:
            self.ingested[job_id] += 1
            await asyncio.sleep(self.ingestion)
        self.states[job_id] = state

    async def _called(self, name: str) -> None:
        self.calls.append(name)
        await asyncio.sleep(self.latency)
        if self.errors.get(name):
            raise self.errors[name].popleft()


@dataclass
class FakeClaims:
    """What is here survives the agent."""

    notes: dict[JobId, Claim] = field(default_factory=dict[JobId, Claim])
    is_full: bool = False

    async def all(self) -> tuple[Claim, ...]:
        return tuple(self.notes.values())

    async def save(self, claim: Claim) -> None:
        await asyncio.sleep(0)
        if self.is_full:
            raise SpoolError("the disk is full")
        self.notes[claim.job_id] = claim

    async def forget(self, job_id: JobId) -> None:
        await asyncio.sleep(0)
        if self.is_full:
            raise SpoolError("the disk is full")
        self.notes.pop(job_id, None)
