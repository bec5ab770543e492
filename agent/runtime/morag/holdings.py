"""The claims that we hold: under a lease of our own making, or waiting for their turn."""

import secrets
from collections.abc import Collection

import structlog

from agent.model.claim import Claim
from agent.model.errors import LeaseLostError, SpoolError
from agent.model.ids import Instant, JobId, LeaseId
from agent.model.lease import LostReason
from agent.ports import Claims

_log = structlog.get_logger(__name__)


class Holdings:
    """What is in memory is on disk; what the disk refuses is held in memory all the same."""

    def __init__(self, disk: Claims) -> None:
        self._disk = disk
        self._claims: dict[JobId, Claim] = {}
        self._leases: dict[LeaseId, JobId] = {}
        self._due: dict[JobId, Instant] = {}
        """Of the claims that wait; the others are worked on."""
        self._over: dict[LeaseId, LostReason] = {}
        self._is_loaded = False

    async def load(self, now: Instant) -> None:
        """Read what earlier starts left, once; all of it is due."""
        if self._is_loaded:
            return
        for claim in await self._disk.all():
            self._claims[claim.job_id] = claim
            self._due[claim.job_id] = now
        self._is_loaded = True

    def find(self, job_id: JobId) -> Claim | None:
        return self._claims.get(job_id)

    def under(self, lease_id: LeaseId) -> Claim:
        """Raises `LeaseLostError` with the reason for which it ended."""
        job_id = self._leases.get(lease_id)
        if job_id is None:
            raise LeaseLostError(self._over.get(lease_id, LostReason.UNKNOWN))
        return self._claims[job_id]

    def waiting(self, now: Instant) -> tuple[Claim, ...]:
        """Those whose turn it is, the longest waiting first."""
        due = sorted((at, job_id) for job_id, at in self._due.items() if at <= now)
        return tuple(self._claims[job_id] for _, job_id in due)

    def idle(self, content_types: Collection[str]) -> int:
        """How many of these types are held and not worked on."""
        return sum(self._claims[job_id].content_type in content_types for job_id in self._due)

    def next_due(self, after: Instant) -> Instant | None:
        return min((at for at in self._due.values() if at > after), default=None)

    async def take(self, claim: Claim, now: Instant) -> None:
        """A job that the server has just given us; it is due, unless it was ours before.

        A server that is killed while it gives out a job may give it out again.
        """
        if claim.job_id in self._claims:
            _log.warning("claim.given_again", job_id=claim.job_id)
            return
        self._due[claim.job_id] = now
        await self.note(claim)

    async def note(self, claim: Claim) -> None:
        self._claims[claim.job_id] = claim
        try:
            await self._disk.save(claim)
        except SpoolError as error:
            # The job is ours in any case, and only a crash would make the server's word lost.
            _log.warning("claim.not_saved", job_id=claim.job_id, reason=str(error))

    def grant(self, claim: Claim) -> LeaseId:
        """A lease of our own, so that the rest of the agent knows one attempt from the next."""
        lease_id = LeaseId(secrets.token_hex(16))
        self._due.pop(claim.job_id, None)
        self._leases[lease_id] = claim.job_id
        return lease_id

    async def park(self, lease_id: LeaseId, claim: Claim, until: Instant) -> None:
        """The attempt is over; the job waits for its next one."""
        self._leases.pop(lease_id, None)
        self._due[claim.job_id] = until
        await self.note(claim)

    def postpone(self, claim: Claim, until: Instant) -> None:
        self._due[claim.job_id] = until

    async def end(self, job_id: JobId, reason: LostReason) -> None:
        """We owe the server nothing more about it."""
        self._claims.pop(job_id, None)
        self._due.pop(job_id, None)
        for lease_id in [lease for lease, job in self._leases.items() if job == job_id]:
            del self._leases[lease_id]
            self._over[lease_id] = reason
        try:
            await self._disk.forget(job_id)
        except SpoolError as error:
            # The next start asks the server about it, and hears that it is over.
            _log.warning("claim.not_removed", job_id=job_id, reason=str(error))

    def mark_over(self, lease_id: LeaseId, reason: LostReason) -> None:
        """A lease of an earlier start."""
        self._over[lease_id] = reason
