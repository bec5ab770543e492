"""One job under one lease: both begin and end together."""

import asyncio
from typing import Protocol

import structlog
from structlog.contextvars import bound_contextvars

from agent.core.job_life import Phase
from agent.core.verdict import Drop, Fail, Release, verdict
from agent.model.errors import AgentError, LeaseLostError
from agent.model.failures import FailureCode
from agent.model.ids import Instant, LeaseId, Seconds
from agent.model.lease import Directive, Received
from agent.model.snapshot import HeldLine
from agent.ports import JobFolder, Resuming
from agent.runtime.folders import leave
from agent.runtime.race import INTERRUPTED, first_of
from agent.runtime.renewal import LeaseHolder
from agent.runtime.report import Reporter, ending_of
from agent.runtime.settlement import Ending, Settlement, Stop
from agent.runtime.slots import Slots
from agent.runtime.tools import Policy, Tools
from agent.runtime.work import Work

_log = structlog.get_logger(__name__)


class Listener(Protocol):
    """Who hears how a job gets on; all methods return at once."""

    def on_directive(self, directive: Directive, reason: str | None) -> None:
        """A renewal's answer asks something of the whole agent."""
        ...

    def on_move(self) -> None:
        """The job was accepted, or needs its slot no more."""
        ...


class HeldJob:
    """A job from its offer, or from the restart after which it goes on, to its end."""

    def __init__(
        self,
        received: Received,
        tools: Tools,
        policy: Policy,
        slots: Slots,
        listener: Listener,
        folder: JobFolder | None = None,
    ) -> None:
        """`folder`: what an earlier start left of it."""
        self._offer = received.offer
        self._folder = folder
        self._tools = tools
        self._slots = slots
        self._listener = listener
        self._is_journaled = asyncio.Event()
        self._settlement: Settlement | None = None
        self._stop = Stop()
        self._lease = LeaseHolder(
            received,
            tools,
            policy,
            report=lambda: self._work.report,
            on_directive=self._on_directive,
            on_end=self._stop.by_server,
        )
        self._work = Work(
            received.offer,
            tools,
            policy,
            left=folder,
            on_news=self._lease.tell,
            on_slot_free=listener.on_move,
        )

    @property
    def lease_id(self) -> LeaseId:
        return self._offer.lease_id

    @property
    def resuming(self) -> Resuming:
        """The line that hello says about it."""
        return Resuming(self._offer.job_id, self._offer.lease_id, self._work.report.stage)

    def line(self, now: Instant) -> HeldLine:
        """What the owner is told about it."""
        offer, report, transfer = self._offer, self._work.report, self._work.transfer
        watch = self._work.stopwatch
        return HeldLine(
            job_id=offer.job_id,
            filename=offer.input.filename,
            content_type=offer.content_type,
            attempt=offer.attempt,
            stage=report.stage.value,
            progress=report.progress,
            message=report.message,
            held_for=Seconds(now - watch.began),
            in_stage_for=Seconds(now - watch.entered),
            moved=None if transfer is None else transfer.moved,
            to_move=None if transfer is None else transfer.to_move,
            rate=None if transfer is None else transfer.rate,
            lease_left=Seconds(self._lease.ends_at - now) if self.is_accepted else None,
        )

    @property
    def settlement(self) -> Settlement | None:
        """How it ended, once it has."""
        return self._settlement

    @property
    def is_accepted(self) -> bool:
        """The first renewal has made a lease of the offer."""
        return self._lease.is_accepted

    @property
    def needs_slot(self) -> bool:
        """It will compute, or does: what comes after that takes nobody's place."""
        return self._work.phase in {Phase.FETCHING, Phase.WAITING, Phase.PROCESSING}

    @property
    def is_in_outbox(self) -> bool:
        """Finished; the server does not have it yet."""
        return self._work.phase is Phase.DELIVERING

    @property
    def has_slot(self) -> bool:
        return self._work.phase is Phase.PROCESSING

    @property
    def is_paused(self) -> bool:
        """It waits in the middle of its computation, off the GPU."""
        return self._work.stopwatch.is_paused

    @property
    def is_computing(self) -> bool:
        return self._work.phase in {Phase.PROCESSING, Phase.DELIVERING}

    def _on_directive(self, directive: Directive, reason: str | None) -> None:
        # Every renewal that is answered carries one.
        self._work.on_contact()
        self._listener.on_directive(directive, reason)

    def hand_back(self, reason: str) -> None:
        """The agent is leaving. A finished result is kept, never handed back."""
        self._stop.by_us(Release(reason))

    def step_back(self, reason: str, retry_after: Seconds) -> None:
        """The box is needed for something else. Not for a job that computes, or has."""
        self._stop.by_us(Release(reason, retry_after), is_leaving=False)

    async def run(self) -> Ending:
        """Hold the lease for as long as the job lasts.

        Raises only `NewerBootError` (in a group): then the whole agent has to stop, and the files
        stay for the start that follows it.
        """
        with bound_contextvars(job_id=self._offer.job_id, lease_id=self._offer.lease_id):
            _log.info(
                "offer.received" if self._folder is None else "job.resumed",
                attempt=self._offer.attempt,
                content_type=self._offer.content_type,
                size=self._offer.input.size,
                stage=self._work.report.stage.value,
            )
            ending = await self._run()
            self._tools.display.job_ended(self._offer.job_id)
            self._tools.observer.job_ended(self._offer.job_id, ending.value, self._work.result_size)
            _log.info("job.ended", ending=ending.value, **self._work.stopwatch.read())
            return ending

    async def _run(self) -> Ending:
        try:
            ending = await self._hold_and_work()
            if self._folder is not None:
                await leave(self._folder, ending, is_accepted=self.is_accepted)
        finally:
            if self._folder is not None:
                self._folder.close()
        return ending

    async def _hold_and_work(self) -> Ending:
        ending = Ending.LOST
        try:
            async with asyncio.TaskGroup() as scope:
                renewal = scope.create_task(self._hold())
                self._settlement = await self._settle()
                self._work.end()
                reporter = Reporter(self._offer.lease_id, self._tools, self._stop)
                ending = await reporter.tell(self._settlement)
                renewal.cancel()
        except* LeaseLostError as group:
            lost = next(e for e in group.exceptions if isinstance(e, LeaseLostError))
            self._settlement = Drop(lost.reason)
            ending = ending_of(lost.reason)
        return ending

    async def _hold(self) -> None:
        # What the server is told is on disk first: a crash right after the first renewal finds it.
        await self._is_journaled.wait()
        await self._lease.hold()

    async def _settle(self) -> Settlement:
        if self._offer.transport != self._tools.sink.transport:
            return Release(f"transport: this agent does not know {self._offer.transport}")
        if too_late := self._would_be_too_late():
            return too_late
        try:
            done = await first_of(self._attempt(), self._stop.wait())
        except AgentError as error:
            return self._on_error(error)
        except Exception as error:
            # The top of a job: a bug in it must not take the other jobs along.
            _log.exception("job.broke")
            return Fail(FailureCode.INTERNAL, f"{type(error).__name__}: {error}")
        if done is not INTERRUPTED:
            return done
        return self._stop.settlement(is_finished=self._work.phase is Phase.DELIVERING)

    def _would_be_too_late(self) -> Release | None:
        """What an earlier start took is tried: most of it may be done."""
        foresight = self._tools.foresight
        return None if foresight is None or self._folder else foresight.judge(self._offer)

    def _on_error(self, error: AgentError) -> Settlement:
        judged = verdict(error)
        if isinstance(judged, Fail) and not self.is_accepted:
            # Only an accepted lease may fail; an offer is handed back.
            return Release(judged.message)
        return judged

    async def _attempt(self) -> Settlement:
        folder = await self._journal()
        await self._lease.accepted()
        self._tools.observer.job_taken(
            self._offer.job_id, self._offer.content_type, self._work.report.stage
        )
        self._listener.on_move()
        return await self._work.run(folder, self._slots)

    async def _journal(self) -> JobFolder:
        if self._folder is None:
            self._folder = await self._tools.spool.open_job(self._offer)
        else:
            await self._folder.adopt(self._offer)
        self._is_journaled.set()
        return self._folder
