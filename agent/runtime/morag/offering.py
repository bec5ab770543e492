"""Makes offers of the claims that wait: of new ones, and of those that an earlier start left."""

from collections.abc import Callable, Collection
from dataclasses import replace

import structlog

from agent.model.claim import Claim, JobStatus, Outcome
from agent.model.errors import (
    CredentialsRefusedError,
    LeaseLostError,
    RequestRefusedError,
    ServerError,
    ServerUnavailableError,
)
from agent.model.ids import Bytes, Instant, JobId, LeaseId, Seconds
from agent.model.lease import InputRef, LostReason, Offer, Stage
from agent.ports import Clock, Grant, RemoteJobs, Resumed, Resuming, Sight
from agent.runtime.morag.holdings import Holdings
from agent.runtime.morag.telling import Telling
from agent.runtime.morag.tray import TRANSPORT

QUEUE = "morag"
LEASE_TTL = Seconds(24 * 3600.0)
"""Of the leases of our own making, which nobody else knows of."""
LOOK_AGAIN = Seconds(30.0)
GB = 10**9
_OVER = {
    JobStatus.COMPLETED: LostReason.COMPLETED,
    JobStatus.CANCELLED: LostReason.CANCELLED,
    JobStatus.FAILED: LostReason.CANCELLED,
}
"""What there is nothing more to do about. A job that timed out there is still taken back."""

_log = structlog.get_logger(__name__)


class Offering:
    def __init__(
        self,
        calls: RemoteJobs,
        holdings: Holdings,
        telling: Telling,
        clock: Clock,
        largest: Callable[[], Bytes],
    ) -> None:
        """`largest` input that this box ever takes: the server cannot be told."""
        self._calls = calls
        self._holdings = holdings
        self._telling = telling
        self._clock = clock
        self._largest = largest
        self._resumed: dict[JobId, LeaseId] = {}
        """By job: the lease under which the spool held it at our start."""

    async def first(self, content_types: Collection[str], max_input: Bytes) -> Offer | None:
        """Of the claims whose turn it is, the first that can be worked on now."""
        for claim in self._holdings.waiting(self._clock.now()):
            if claim.content_type not in content_types:
                continue
            seen = await self._seen(claim)
            if seen is None:
                continue
            if seen.size is not None and seen.size > self._largest():
                await self._refuse(seen, seen.size)
            elif seen.size is not None and seen.size > max_input:
                # Not asked about at every question for a job: that would be three calls for one.
                self._postpone(seen, f"it has {seen.size / GB:.2f} GB, too many for now")
            else:
                return self._offer(seen)
        return None

    async def resumed(self, line: Resuming) -> Resumed:
        """What becomes of a job that an earlier start left in the spool."""
        claim = self._holdings.find(line.job_id)
        named = self._resumed.setdefault(line.job_id, line.lease_id)
        if claim is None or named != line.lease_id:
            # Settled, or the folder of an earlier attempt that the disk did not let go of.
            return Resumed(line.lease_id, None)
        reason = await self.reason_against(claim.job_id, line.stage)
        if reason is not None:
            await self._holdings.end(claim.job_id, reason)
            self._holdings.mark_over(line.lease_id, reason)
            return Resumed(line.lease_id, None)
        lease_id = self._holdings.grant(claim)
        grant = Grant(
            lease_id=lease_id,
            input=_input(claim),
            artifacts_url=place_of(lease_id),
            transport=TRANSPORT,
        )
        return Resumed(line.lease_id, grant)

    async def reason_against(self, job_id: JobId, stage: Stage) -> LostReason | None:
        """Why working on it is of no use any more, as far as the server knows the job."""
        try:
            status = await self._calls.status(job_id)
        except LeaseLostError as error:
            return error.reason
        if status is JobStatus.FAILED and stage is Stage.UPLOADING:
            return None  # By whomever: a result that is finished is still taken.
        if status is JobStatus.PENDING and stage is Stage.DOWNLOADING:
            return LostReason.UNKNOWN  # It gives the input to nobody, and the job to the next one.
        return _OVER.get(status)

    async def _seen(self, claim: Claim) -> Claim | None:
        """The claim with what its input is called; None if nothing can be done about it now."""
        try:
            if claim.filename is None:
                return await self._looked_at(claim)
            return claim if await self._is_wanted(claim) else None
        except (ServerUnavailableError, RequestRefusedError) as error:
            self._postpone(claim, str(error))
            return None

    async def _looked_at(self, claim: Claim) -> Claim | None:
        try:
            sight = await self._calls.look(claim.url)
        except CredentialsRefusedError as error:
            # What MoRAG says of a job that is over; or else something on the way said it.
            if await self._is_wanted(claim):
                self._postpone(claim, str(error))
            return None
        except LeaseLostError:
            # The job is not known, or its file is not there any more: then the download fails too.
            if not await self._is_wanted(claim):
                return None
            sight = Sight(filename=None, size=None)
        name = sight.filename or f"{claim.content_type}-{claim.job_id}"
        seen = replace(claim, filename=name, size=sight.size)
        await self._holdings.note(seen)
        return seen

    async def _is_wanted(self, claim: Claim) -> bool:
        reason = await self.reason_against(claim.job_id, Stage.DOWNLOADING)
        if reason is not None:
            _log.info("claim.dropped", job_id=claim.job_id, reason=reason.value)
            await self._holdings.end(claim.job_id, reason)
        return reason is None

    async def _refuse(self, claim: Claim, size: Bytes) -> None:
        """It will never be for us, and nobody else can have it: the sender has to know."""
        most = self._largest() / GB
        message = f"too_large: the input has {size / GB:.2f} GB, this agent takes {most:.2f}"
        try:
            await self._telling.tell(claim, Outcome(content=None, error=message))
        except LeaseLostError:
            return
        except ServerError as error:
            # About this job alone: the questions for others tell by themselves what is wrong.
            self._postpone(claim, str(error))

    def _postpone(self, claim: Claim, reason: str) -> None:
        _log.warning("claim.postponed", job_id=claim.job_id, reason=reason)
        self._holdings.postpone(claim, Instant(self._clock.now() + LOOK_AGAIN))

    def _offer(self, claim: Claim) -> Offer:
        lease_id = self._holdings.grant(claim)
        return Offer(
            job_id=claim.job_id,
            lease_id=lease_id,
            attempt=claim.failures + 1,
            offer_ttl=LEASE_TTL,
            lease_ttl=LEASE_TTL,
            queue=QUEUE,
            content_type=claim.content_type,
            options=claim.options,
            input=_input(claim),
            artifacts_url=place_of(lease_id),
            transport=TRANSPORT,
            timeout=None,
        )


def place_of(lease_id: LeaseId) -> str:
    """Where the artifacts of that attempt are laid out."""
    return f"{TRANSPORT}:{lease_id}"


def _input(claim: Claim) -> InputRef:
    return InputRef(
        url=claim.url,
        size=claim.size,
        sha256=None,
        etag=None,
        filename=claim.filename or claim.job_id,
        media_type=None,
    )
