"""A MoRAG server as it is: the `JobServer` port over its remote conversion API."""

import secrets
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from random import Random

import structlog

from agent.core.claim_fate import Again, Final, after_failure, after_return
from agent.core.morag_result import told
from agent.core.poll_pace import IDLE, PollPace
from agent.model.claim import Claim, Outcome
from agent.model.errors import LeaseLostError
from agent.model.failures import FailureCode
from agent.model.ids import Bytes, Instant, JobId, LeaseId, Seconds
from agent.model.lease import Directive, LeaseState, Renewal, Stage
from agent.ports import Ask, Clock, Introduction, PollResult, RemoteJobs, Report, Result, Terms
from agent.runtime.morag.asking import Asking
from agent.runtime.morag.holdings import Holdings
from agent.runtime.morag.offering import LEASE_TTL, Offering, place_of
from agent.runtime.morag.telling import PATIENCE, Telling
from agent.runtime.morag.tray import ResultTray

POLL_WAIT = Seconds(25.0)
ASK_AGAIN = Seconds(60.0)
"""How often a job that is worked on is asked about: somebody may have cancelled it."""
MOST_IDLE = 2
"""Jobs that turned out to be none for now: too large for the room, too long for the hours. That is
known only once they are ours, so each question would take one more."""
NOT_NOW = "held that this box cannot do now"
NOTHING_TO_TELL = "nothing in this file could be told: there is no speech in it and no text"

_log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class MoragTerms:
    """What the owner of the box decided about servers of this kind."""

    largest: Callable[[], Bytes]
    """Input that this box ever takes: the server cannot be told."""
    idle_interval: Seconds = IDLE
    """Between two questions for a job, where there has been none for a while."""
    result_patience: Seconds = PATIENCE


class MoragServer:
    def __init__(
        self,
        calls: RemoteJobs,
        holdings: Holdings,
        tray: ResultTray,
        clock: Clock,
        rng: Random,
        terms: MoragTerms,
    ) -> None:
        self._calls = calls
        self._holdings = holdings
        self._tray = tray
        self._clock = clock
        pace = PollPace(rng, clock.now(), terms.idle_interval)
        self._asking = Asking(calls, holdings, clock, pace)
        self._telling = Telling(calls, holdings, clock, terms.result_patience)
        self._offering = Offering(calls, holdings, self._telling, clock, terms.largest)
        self._types: tuple[str, ...] = ()
        self._asked_at: dict[LeaseId, Instant] = {}

    async def find(self) -> None:
        """Raise `ServerUnavailableError` unless MoRAG's remote conversion API answers here."""
        try:
            await self._calls.status(JobId(f"is-anybody-there-{secrets.token_hex(4)}"))
        except LeaseLostError:
            return  # It knows its jobs, and that this is none of them.

    async def hello(self, who: Introduction) -> Terms:
        await self.find()
        self._types = who.content_types
        await self._holdings.load(self._clock.now())
        resumed = [await self._offering.resumed(line) for line in who.resuming]
        self._tell_of_strange_types()
        return Terms(
            poll_wait=POLL_WAIT,
            renew_every=ASK_AGAIN,
            lease_ttl=LEASE_TTL,
            resumed=tuple(resumed),
        )

    def _tell_of_strange_types(self) -> None:
        """Such claims wait for ever, and no other agent can have them: a person has to know."""
        for claim in self._holdings.waiting(self._clock.now()):
            if claim.content_type not in self._types:
                _log.warning(
                    "claim.waits",
                    job_id=claim.job_id,
                    reason=f"this box has taken it and does no {claim.content_type} any more:"
                    " let it do so again (agent.content_types, `doctor`), or send the job anew",
                )

    async def poll(self, ask: Ask) -> PollResult:
        """Ask on for as long as `ask.wait`: the server cannot wait for us."""
        until = Instant(self._clock.now() + ask.wait)
        content_types = ask.content_types or self._types
        # What is taken cannot be given back: there are no places behind the slots.
        if not ask.free_slots:
            await self._clock.sleep_until(until)
            return PollResult(offer=None)
        while True:
            offer = await self._offering.first(content_types, ask.max_input)
            is_full = self._holdings.idle(content_types) >= MOST_IDLE
            if offer is None and not is_full:
                await self._asking.ask(content_types)
                offer = await self._offering.first(content_types, ask.max_input)
            now = self._clock.now()
            if offer is not None or now >= until:
                return PollResult(offer=offer, skipped={NOT_NOW: MOST_IDLE} if is_full else {})
            wakes = [until, self._holdings.next_due(now), None if is_full else self._asking.next_at]
            await self._clock.sleep_until(min(at for at in wakes if at is not None))

    async def renew(self, lease_id: LeaseId, report: Report) -> Renewal:
        """Ask about the job now and then; while its result is out, `complete` is who asks."""
        claim = self._holdings.under(lease_id)
        now = self._clock.now()
        asked_at = self._asked_at.setdefault(lease_id, now)
        is_out = report.stage is Stage.UPLOADING or self._telling.is_out(claim)
        if not is_out and now - asked_at >= ASK_AGAIN:
            self._asked_at[lease_id] = now
            reason = await self._offering.reason_against(claim.job_id, report.stage)
            # An answer that took long may be about a word of our own that has gone out meanwhile.
            held = self._holdings.find(claim.job_id)
            if reason is not None and held is not None and not self._telling.is_out(held):
                await self._holdings.end(claim.job_id, reason)
                self._clear(lease_id)
                raise LeaseLostError(reason)
        return Renewal(
            state=LeaseState.OK, ttl=LEASE_TTL, renew_in=ASK_AGAIN, directive=Directive.CONTINUE
        )

    async def complete(self, lease_id: LeaseId, result: Result) -> None:
        claim = self._holdings.under(lease_id)
        await self._telling.tell(claim, self._said(lease_id, claim, result))
        self._clear(lease_id)

    def _said(self, lease_id: LeaseId, claim: Claim, result: Result) -> Outcome:
        laid = self._tray.of(place_of(lease_id))
        spent = result.metrics.get("process_s")
        seconds = Seconds(float(spent)) if isinstance(spent, float | int) else None
        text = told(claim.content_type, claim.filename or "", laid, result.summary)
        if text is None:
            # Called a success, MoRAG would complete the job and ingest nothing.
            return Outcome(content=None, error=NOTHING_TO_TELL, spent=seconds)
        return Outcome(content=text.content, metadata=text.metadata, spent=seconds)

    async def fail(self, lease_id: LeaseId, code: FailureCode, message: str, detail: str) -> None:
        """Try it again here where that may help; over there a failure is final."""
        claim = self._holdings.under(lease_id)
        match after_failure(claim, code):
            case Again() as again:
                _log.info("claim.tried_again", code=code.value, pause_s=again.pause)
                await self._park(lease_id, again)
            case Final():
                _log.debug("result.is_a_failure", code=code.value, detail=detail)
                said = Outcome(content=None, error=f"{code.value}: {message}")
                await self._telling.tell(claim, said)
                self._clear(lease_id)

    async def release(self, lease_id: LeaseId, reason: str, retry_after: Seconds | None) -> None:
        """Keep it for later: nobody else could take it."""
        again = after_return(self._holdings.under(lease_id), retry_after)
        _log.info("claim.put_off", reason=reason, pause_s=again.pause)
        await self._park(lease_id, again)

    async def sign_off(self, keep: Sequence[LeaseId]) -> None:
        """Hear the last question out: the job that it may bring is for the next start."""
        await self._asking.heard()
        _log.debug("claims.left", finished=len(keep))

    async def _park(self, lease_id: LeaseId, again: Again) -> None:
        await self._holdings.park(lease_id, again.claim, Instant(self._clock.now() + again.pause))
        self._clear(lease_id)

    def _clear(self, lease_id: LeaseId) -> None:
        self._tray.clear(place_of(lease_id))
        self._asked_at.pop(lease_id, None)
