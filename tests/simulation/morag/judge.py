"""The last look at each job of a MoRAG server."""

from collections.abc import Iterator
from dataclasses import dataclass, field

from agent.model.claim import JobStatus
from tests.simulation.call import Call
from tests.simulation.faults import Fate, Fates, Kind
from tests.simulation.judge import CODES
from tests.simulation.morag.ledger import MoragLedger
from tests.simulation.morag.remote import ENDED, RemoteJob
from tests.simulation.story import Ending, JobStory, Story

ATTEMPTS = {"worker_crashed": 2, "out_of_memory": 2, "timeout": 2}
"""Computations that are due before a job is called failed for that."""


@dataclass
class MoragFates(Fates):
    """All but one: a result that the network delivers twice is ingested twice, whoever sent it."""

    clean: set[int] = field(default_factory=set[int])
    """The calls that nothing happened to. A copy that the network made is none of them."""

    def draw(self, call: Call, now: float) -> Fate:
        fate = super().draw(call, now)
        if call.verb == "result" and fate.kind is Kind.DUPLICATED:
            return Fate(latency=fate.latency)
        if fate.kind in {Kind.NONE, Kind.SLOW}:
            self.clean.add(call.number)
        return fate


class MoragJudge:
    def __init__(self, story: Story, ledger: MoragLedger, fates: MoragFates) -> None:
        self._story = story
        self._ledger = ledger
        self._fates = fates

    def is_stuck(self, job: RemoteJob) -> bool:
        """The answer that gave it away reached nobody."""
        return job.status is JobStatus.PROCESSING and self._ledger.was_lost_on_the_way(job.job_id)

    def look_at(self, job: RemoteJob) -> None:
        for wrong in self._wrongs(job):
            self._ledger.blame(f"{job.story.name} {wrong}")

    def _wrongs(self, job: RemoteJob) -> Iterator[str]:
        if job.status is JobStatus.FAILED:
            yield from self._wrongs_of_failure(job)
        if job.finished and not self._ledger.spoils[job.job_id]:
            wanted = text_of(job.story, job.story.contents[0])
            if job.finished[0].split() != wanted.split():
                yield "was ingested wrong"
        if job.status is JobStatus.COMPLETED and not job.begun:
            yield "is completed and was never ingested"
        if job.status not in ENDED and not self.is_stuck(job):
            yield f"is still {job.status.value}"
        if self.is_stuck(job) and self._is_our_fault(job):
            yield "was asked for, and the answer not waited for"

    def _wrongs_of_failure(self, job: RemoteJob) -> Iterator[str]:
        code = job.error.partition(":")[0]
        if code not in self._allowed(job.story):
            yield f"failed without a reason: {job.error}"
        if self._ledger.computed[job.story.name] < ATTEMPTS.get(code, 0):
            yield f"was given up too early: {job.error}"

    def _is_our_fault(self, job: RemoteJob) -> bool:
        """Nothing and nobody kept the answer from whoever asked for the job."""
        was_clean = self._ledger.question_for(job.job_id) in self._fates.clean
        return was_clean and self._ledger.was_given_up(job.job_id)

    def _allowed(self, job: JobStory) -> set[str]:
        """The codes that the seed gives a reason for."""
        ends = {course.ending for course in job.courses}
        allowed = {CODES[ending] for ending in ends if ending in CODES}
        if Ending.HANG in ends:
            allowed.add("timeout")
        if self._fates.counts or self._story.weather.partitions:
            allowed.add("input_unavailable")
        if self._ledger.spoils:
            allowed.add("input_corrupt")
        return allowed


def text_of(job: JobStory, content: bytes) -> str:
    """What comes of this input: enough words for a chunk or two."""
    words = " ".join(f"{byte:02x}" for byte in content[:200]) or "silence"
    head = f"# Audio Transcription: {job.name}\n\n## Audio Information\n\n- **Word Count**: 9\n\n"
    return f"{head}## Detailed Transcript\n\n[00:00] {words} of {job.name}.\n"
