"""Brings one result to a MoRAG server once, which ingests whatever it is sent as often as it comes.

Before each sending the server is asked what it knows of the job. Where a result went out whole and
nobody answered, it may be under way inside the server: then it is asked on, and sent again only
after as long as an ingestion may take.
"""

from dataclasses import replace

import structlog

from agent.model.claim import Claim, JobStatus, Outcome
from agent.model.errors import LeaseLostError, ServerUnavailableError
from agent.model.ids import Instant, JobId, Seconds
from agent.model.lease import LostReason
from agent.ports import Clock, InDoubt, NotTaken, RemoteJobs, Sent, Taken
from agent.runtime.morag.holdings import Holdings

PATIENCE = Seconds(30 * 60.0)
"""What MoRAG's ingestion of one result may take."""

_log = structlog.get_logger(__name__)


class Telling:
    def __init__(
        self, calls: RemoteJobs, holdings: Holdings, clock: Clock, patience: Seconds = PATIENCE
    ) -> None:
        self._calls = calls
        self._holdings = holdings
        self._clock = clock
        self._patience = patience
        self._sent_at: dict[JobId, Instant] = {}
        """When a result went out of which nobody said that it arrived."""
        self._under_way: set[JobId] = set()

    def is_out(self, claim: Claim) -> bool:
        """A result is on its way, or may be: what the server says of the job is not news."""
        return claim.is_sent or claim.job_id in self._under_way

    async def tell(self, claim: Claim, outcome: Outcome) -> None:
        """Return when the server has `outcome`, or had one before.

        Raises `LeaseLostError` for a job that is no more, and `ServerUnavailableError` when it is
        to be tried again.
        """
        if claim.job_id in self._under_way:
            raise ServerUnavailableError("a result of this job is being sent by somebody else here")
        self._under_way.add(claim.job_id)
        try:
            if await self._is_wanted(claim, outcome):
                await self._send(claim, outcome)
        finally:
            self._under_way.discard(claim.job_id)
        await self._over(claim, LostReason.COMPLETED)

    async def _is_wanted(self, claim: Claim, outcome: Outcome) -> bool:
        match await self._status(claim):
            case JobStatus.COMPLETED:
                return False
            case JobStatus.FAILED if not outcome.is_success:
                return False
            case JobStatus.CANCELLED:
                await self._over(claim, LostReason.CANCELLED)
                raise LeaseLostError(LostReason.CANCELLED)
            case _:
                self._wait_out_doubt(claim)
                return True

    async def _status(self, claim: Claim) -> JobStatus:
        try:
            return await self._calls.status(claim.job_id)
        except LeaseLostError as error:
            await self._over(claim, error.reason)
            raise

    def _wait_out_doubt(self, claim: Claim) -> None:
        if not claim.is_sent:
            return
        # Of an earlier start nobody knows when it sent.
        sent_at = self._sent_at.setdefault(claim.job_id, self._clock.now())
        if self._clock.now() < sent_at + self._patience:
            raise ServerUnavailableError(
                "the result was sent and nobody has said that it arrived: the server is asked"
                " until it must be done with it"
            )

    async def _send(self, claim: Claim, outcome: Outcome) -> None:
        await self._holdings.note(replace(claim, is_sent=True))
        self._sent_at[claim.job_id] = self._clock.now()
        match await self._answer(claim, outcome):
            case Taken(status, was_ingested):
                _log.info("result.taken", status=status.value, ingested=was_ingested)
            case NotTaken(error):
                del self._sent_at[claim.job_id]
                await self._holdings.note(replace(claim, is_sent=False))
                raise error
            case InDoubt(error):
                # The uplink may have been shut or slow: it went out whole only now, perhaps.
                self._sent_at[claim.job_id] = self._clock.now()
                raise error

    async def _answer(self, claim: Claim, outcome: Outcome) -> Sent:
        try:
            return await self._calls.send(claim.job_id, outcome, self._patience)
        except LeaseLostError as error:
            await self._over(claim, error.reason)
            raise

    async def _over(self, claim: Claim, reason: LostReason) -> None:
        self._sent_at.pop(claim.job_id, None)
        await self._holdings.end(claim.job_id, reason)
