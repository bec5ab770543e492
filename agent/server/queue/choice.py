"""Which job a poll gets, and why the others were not offered.

Order: the queues as the protocol lists them, then priority, then age.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum

from agent.model.ids import AgentId, BootId, Bytes
from agent.server.queue.agents import Asker, revivable_by
from agent.server.queue.values import (
    ENDED_WITHOUT_THE_AGENT,
    FAILED_HERE,
    Job,
    Lease,
    Moment,
    Numbers,
)
from agent.wire.jobs import QUEUES, JobState


class Skip(StrEnum):
    """Why a waiting job is not for this agent, or not yet."""

    QUEUE = "queue"
    CONTENT_TYPE = "content_type"
    TOO_LARGE = "too_large"
    NOT_BEFORE = "not_before"
    FAILED_HERE = "failed_here"
    RELEASED_HERE = "released_here"
    HELD_HERE = "held_here"


@dataclass(frozen=True, slots=True, kw_only=True)
class Seeker:
    """One poll with a place."""

    agent_id: AgentId
    boot_id: BootId
    request_id: str
    content_types: frozenset[str]
    queues: frozenset[str] | None
    """None: all of them."""
    max_input_bytes: Bytes | None = None

    @property
    def asker(self) -> Asker:
        return Asker(self.agent_id, self.boot_id, self.request_id)

    def serves(self, job: Job) -> bool:
        return job.content_type in self.content_types and self.serves_queue(job.queue)

    def takes_size(self, job: Job) -> bool:
        return self.max_input_bytes is None or (job.size or 0) <= self.max_input_bytes

    def serves_queue(self, queue: str) -> bool:
        return self.queues is None or queue in self.queues


@dataclass(frozen=True, slots=True)
class Sighting:
    """When an agent last polled with a place, and for what."""

    seeker: Seeker
    at: Moment


def queue_rank(queue: str) -> int:
    return QUEUES.index(queue) if queue in QUEUES else len(QUEUES)


def why_skipped(
    job: Job, seeker: Seeker, fleet: Iterable[Sighting], now: Moment, numbers: Numbers
) -> Skip | None:
    """None: the job may be offered to this poll now."""
    if not seeker.serves_queue(job.queue):
        return Skip.QUEUE
    if job.content_type not in seeker.content_types:
        return Skip.CONTENT_TYPE
    if not seeker.takes_size(job):
        return Skip.TOO_LARGE
    if job.not_before > now or job.doomed_at is not None:
        return Skip.NOT_BEFORE
    return _why_not_here(job, seeker, fleet, now, numbers)


def _why_not_here(
    job: Job, seeker: Seeker, fleet: Iterable[Sighting], now: Moment, numbers: Numbers
) -> Skip | None:
    if not job.leases:
        return None
    if any(_rests(job, seeker, now)):
        return Skip.RELEASED_HERE
    if _gave_back_lately(job, seeker, now, numbers) and other_is_ready(
        job, seeker, fleet, now, numbers
    ):
        return Skip.RELEASED_HERE
    if any(_may_still_hold(lease, seeker, now, numbers) for lease in job.leases):
        return Skip.HELD_HERE
    if revivable_by(job, seeker.asker) is not None:
        return None
    has_failed = seeker.agent_id in failed_lately(job, now, numbers)
    if has_failed and another_is_alive(job, seeker, fleet, now, numbers):
        return Skip.FAILED_HERE
    return None


def _rests(job: Job, seeker: Seeker, now: Moment) -> Iterable[bool]:
    # A rest that lies further ahead than any could was set by a clock that has since gone back.
    return (
        rest.agent_id == seeker.agent_id and now < rest.until <= now + LONGEST_REST_S
        for rest in job.rests
    )


def _gave_back_lately(job: Job, seeker: Seeker, now: Moment, numbers: Numbers) -> bool:
    """Its rest is over, but those who have not released the job still go first."""
    return any(
        rest.agent_id == seeker.agent_id and 0.0 <= now - rest.until < numbers.elsewhere_s
        for rest in job.rests
    )


def other_is_ready(
    job: Job, seeker: Seeker, fleet: Iterable[Sighting], now: Moment, numbers: Numbers
) -> bool:
    """Somebody is alive who would take the job, and has never given it back."""
    released = {rest.agent_id for rest in job.rests}
    fresh = [sighting for sighting in fleet if sighting.seeker.agent_id not in released]
    return another_is_alive(job, seeker, fresh, now, numbers)


LONGEST_REST_S = 24 * 3600.0
"""What `retry_after_s` is capped to."""


def _may_still_hold(lease: Lease, seeker: Seeker, now: Moment, numbers: Numbers) -> bool:
    """Ended over the agent's head, and it has not been told yet: it may be working on it."""
    is_theirs = (lease.agent_id, lease.boot_id) == (seeker.agent_id, seeker.boot_id)
    if not is_theirs or lease.is_told or lease.phase not in ENDED_WITHOUT_THE_AGENT:
        return False
    # An offer that was never renewed is forgotten once its first renewal would have come.
    limit = numbers.lease_ttl_s if lease.accepted_at is None else numbers.grace_s
    return lease.ended_at is not None and 0.0 <= now - lease.ended_at < limit


def failed_ever(job: Job) -> frozenset[AgentId]:
    return frozenset(lease.agent_id for lease in job.leases if _is_failure(job, lease))


def failed_lately(job: Job, now: Moment, numbers: Numbers) -> frozenset[AgentId]:
    return frozenset(
        lease.agent_id
        for lease in job.leases
        if _is_failure(job, lease) and 0.0 <= now - (lease.ended_at or 0.0) < numbers.elsewhere_s
    )


def _is_failure(job: Job, lease: Lease) -> bool:
    is_failure = lease.phase in FAILED_HERE and lease.is_counted
    return is_failure and (lease.ended_at or 0.0) >= job.retried_at


def another_is_alive(
    job: Job, seeker: Seeker, fleet: Iterable[Sighting], now: Moment, numbers: Numbers
) -> bool:
    failed = failed_ever(job)
    return any(
        sighting.seeker.agent_id != seeker.agent_id
        and sighting.seeker.agent_id not in failed
        and now - sighting.at <= numbers.alive_s
        and sighting.seeker.serves(job)
        and sighting.seeker.takes_size(job)
        for sighting in fleet
    )


def first_match(
    job: Job,
    seekers: Sequence[Seeker],
    fleet: Sequence[Sighting],
    now: Moment,
    numbers: Numbers,
) -> Seeker | None:
    """The first of the waiting polls, in their order, that may have the job."""
    if job.state is not JobState.QUEUED:
        return None
    for seeker in seekers:
        if why_skipped(job, seeker, fleet, now, numbers) is None:
            return seeker
    return None
