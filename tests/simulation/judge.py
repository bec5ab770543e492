"""The last look: what the client finds, what the spools hold, what the server's events say."""

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from tests.simulation.client import Client
from tests.simulation.faults import Fates
from tests.simulation.ledger import Known, Ledger
from tests.simulation.story import Ending, JobStory, Source

TERMINAL = frozenset({"completed", "failed", "cancelled"})
PER_JOB = 5
"""Computations that take the whole agent along, until the agent gives the job up."""


class Judge:
    def __init__(
        self, ledger: Ledger, client: Client, fates: Fates, *, has_partitions: bool
    ) -> None:
        self._ledger = ledger
        self._client = client
        self._fates = fates
        self._has_partitions = has_partitions

    async def look_at_jobs(self, acknowledged: Iterable[str]) -> dict[str, str]:
        """Each job that was acknowledged, by name, with its state."""
        states = {}
        for job_id in sorted(acknowledged):
            known = self._ledger.jobs[job_id]
            told = await self._client.job(job_id)
            states[known.story.name] = told["state"]
            await self._look_at_job(known, told)
        missing = {job.name for job in self._ledger.stories.values()} - states.keys()
        if missing:
            self._ledger.blame(f"{sorted(missing)} were never acknowledged")
        return states

    async def _look_at_job(self, known: Known, told: Any) -> None:
        job, state = known.story, told["state"]
        if state not in TERMINAL:
            self._ledger.blame(f"{job.name} is still {state}")
        if bool(known.results) != (state == "completed"):
            self._ledger.blame(f"{job.name} is {state}, accepted results: {len(known.results)}")
        if state == "completed":
            await self._look_at_result(known, told)
        if state == "failed":
            self._look_at_failure(job, told)
        if state == "cancelled" and not known.is_cancelled:
            self._ledger.blame(f"{job.name} was cancelled by nobody")

    async def _look_at_result(self, known: Known, told: Any) -> None:
        job = known.story
        names = [line["name"] for line in told["artifacts"]]
        found = [(name, await self._client.artifact(known.job_id, name)) for name in names]
        has_digest = job.has_digest or job.source is Source.UPLOAD
        if not has_digest and self._ledger.spoils[job.name]:
            return  # Nobody could have noticed.
        if dict(found) not in [job.results(content) for content in job.contents]:
            self._ledger.blame(f"{job.name} has a wrong result")

    def _look_at_failure(self, job: JobStory, told: Any) -> None:
        if told["code"] not in self._allowed(job):
            why = f"{told['code']} ({told['message']})"
            self._ledger.blame(f"{job.name} failed without a reason: {why}")

    def _allowed(self, job: JobStory) -> set[str]:
        """The codes that the seed gives a reason for."""
        ends = {course.ending for course in job.courses}
        allowed = {CODES[ending] for ending in ends if ending in CODES}
        if Ending.HANG in ends or job.timeout is not None:
            allowed.add("timeout")
        if self._ledger.spoils[job.name] > 1:
            allowed.add("input_corrupt")
        if self._fates.counts or self._has_partitions or job.source is not Source.UPLOAD:
            allowed.add("input_unavailable")
        return allowed

    def look_at_spool(self, name: str, folder: Path) -> None:
        held = sorted(folder.glob("held/*"))
        if held:
            self._ledger.blame(f"{name} still holds {[path.name for path in held]}")

    def look_at_events(self, events: Sequence[tuple[str, str]]) -> None:
        for job_id, known in self._ledger.jobs.items():
            states = [state for told, state in events if told == job_id]
            ends = [state for state in states if state in TERMINAL]
            if len(ends) != 1 or states[-1] not in TERMINAL:
                self._ledger.blame(f"{known.story.name} went through {states}")


CODES = {
    Ending.CRASH: "worker_crashed",
    Ending.OUT_OF_MEMORY: "out_of_memory",
    Ending.UNREADABLE: "media_unreadable",
}
