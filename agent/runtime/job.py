"""One job under one lease: both begin and end together."""

import asyncio
from pathlib import PurePath
from typing import Protocol

import structlog
from structlog.contextvars import bound_contextvars

from agent.core.job_life import STAGE_OF, Event, Phase, advance
from agent.core.lease_keeper import NEWS_SPACING, STEP_SPACING
from agent.core.verdict import Fail, Release, verdict
from agent.model.artifact import Artifact
from agent.model.errors import (
    AgentError,
    JobFailedError,
    LeaseLostError,
    SpoolError,
)
from agent.model.failures import FailureCode
from agent.model.ids import Instant, JsonObject, LeaseId
from agent.model.lease import Directive, Offer, Received
from agent.model.work import Failed, Produced, Progress, Task
from agent.ports import JobFolder, Report, Result
from agent.runtime.deliver import Delivery
from agent.runtime.fetch import Download
from agent.runtime.race import INTERRUPTED, first_of
from agent.runtime.renewal import LeaseHolder
from agent.runtime.report import Reporter, on_lost
from agent.runtime.settlement import Delivered, Ending, Settlement, Stop
from agent.runtime.stopwatch import Stopwatch
from agent.runtime.tools import Policy, Tools

TRANSPORT = "tus"

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
    """A job from its offer to its end."""

    def __init__(
        self,
        received: Received,
        tools: Tools,
        policy: Policy,
        slots: asyncio.Semaphore,
        listener: Listener,
    ) -> None:
        self._offer: Offer = received.offer
        self._tools = tools
        self._policy = policy
        self._slots = slots
        self._listener = listener
        self._phase = Phase.FETCHING
        self._progress = Progress(0.0, "")
        self._stop = Stop()
        self._reporter = Reporter(received.offer.lease_id, tools, self._stop)
        self._stopwatch = Stopwatch(tools.clock.now)
        self._lease = LeaseHolder(
            received,
            tools,
            policy,
            report=self._report,
            on_directive=listener.on_directive,
            on_end=self._stop.by_server,
        )

    @property
    def lease_id(self) -> LeaseId:
        return self._offer.lease_id

    @property
    def is_accepted(self) -> bool:
        """The first renewal has made a lease of the offer."""
        return self._lease.is_accepted

    @property
    def needs_slot(self) -> bool:
        """It will compute, or does: what comes after that takes nobody's place."""
        return self._phase in {Phase.FETCHING, Phase.WAITING, Phase.PROCESSING}

    @property
    def is_computing(self) -> bool:
        return self._phase in {Phase.PROCESSING, Phase.DELIVERING}

    def hand_back(self, reason: str) -> None:
        """The agent is leaving. A finished result is kept, never handed back."""
        self._stop.by_us(Release(reason))

    async def run(self) -> Ending:
        """Hold the lease for as long as the job lasts.

        Raises only `NewerBootError` (in a group): then the whole agent has to stop.
        """
        with bound_contextvars(job_id=self._offer.job_id, lease_id=self._offer.lease_id):
            _log.info(
                "offer.received",
                attempt=self._offer.attempt,
                content_type=self._offer.content_type,
                size=self._offer.input.size,
            )
            ending = await self._hold_and_work()
            self._tools.display.job_ended(self._offer.job_id)
            _log.info("job.ended", ending=ending.value, **self._stopwatch.read())
            return ending

    async def _hold_and_work(self) -> Ending:
        ending = Ending.LOST
        try:
            async with asyncio.TaskGroup() as scope:
                renewal = scope.create_task(self._lease.hold())
                settlement = await self._work()
                self._phase = advance(self._phase, Event.ENDED)
                ending = await self._reporter.tell(settlement)
                renewal.cancel()
        except* LeaseLostError as group:
            ending = on_lost(group)
        return ending

    async def _work(self) -> Settlement:
        if self._offer.transport != TRANSPORT:
            return Release(f"transport: this agent does not know {self._offer.transport}")
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
        return self._stop.settlement(is_finished=self._phase is Phase.DELIVERING)

    def _on_error(self, error: AgentError) -> Settlement:
        judged = verdict(error)
        if isinstance(judged, Fail) and not self.is_accepted:
            # Only an accepted lease may fail; an offer is handed back.
            return Release(judged.message)
        return judged

    async def _attempt(self) -> Settlement:
        await self._lease.accepted()
        self._listener.on_move()
        folder = await self._tools.spool.open_job(self._offer)
        try:
            return await self._fetch_process_deliver(folder)
        finally:
            await _remove(folder)

    async def _fetch_process_deliver(self, folder: JobFolder) -> Settlement:
        await self._fetch(folder)
        self._move(Event.INPUT_READY)
        async with self._slots:
            self._move(Event.SLOT_GRANTED)
            produced = await self._process(folder)
            artifacts = await folder.seal(produced)
        self._move(Event.PRODUCED)
        self._listener.on_move()
        delivery = Delivery(self._offer, folder, self._tools, self._on_fraction)
        await delivery.run(artifacts, lambda: self._result(artifacts, produced))
        return Delivered(len(artifacts))

    def _result(self, artifacts: tuple[Artifact, ...], produced: Produced) -> Result:
        metrics: JsonObject = {**self._stopwatch.read()}
        return Result(manifest=artifacts, summary=produced.summary, metrics=metrics)

    async def _fetch(self, folder: JobFolder) -> None:
        self._on_fraction(0.0)
        download = Download(
            self._offer.input, folder.input, self._tools, self._policy, self._on_fraction
        )
        await download.run()

    async def _process(self, folder: JobFolder) -> Produced:
        task = Task(
            job_id=self._offer.job_id,
            content_type=self._offer.content_type,
            input=await folder.seal_input(),
            filename=PurePath(self._offer.input.filename).name or "input",
            media_type=self._offer.input.media_type,
            output=await folder.fresh_output(),
            options=self._offer.options,
        )
        limit = min(self._offer.timeout or self._policy.task_timeout, self._policy.task_timeout)
        clock = self._tools.clock
        outcome = await first_of(
            self._tools.pool.run(task, self._on_progress),
            clock.sleep_until(Instant(clock.now() + limit)),
        )
        if outcome is INTERRUPTED:
            raise JobFailedError(FailureCode.TIMEOUT, f"not done within {limit:g} s")
        if isinstance(outcome, Failed):
            raise JobFailedError(outcome.code, outcome.message, outcome.detail)
        return outcome

    def _move(self, event: Event) -> None:
        self._phase = advance(self._phase, event)
        self._stopwatch.enter(self._phase)
        _log.debug("stage.entered", stage=STAGE_OF[self._phase].value)
        self._on_progress(Progress(0.0, ""))
        self._lease.tell(STEP_SPACING)

    def _on_fraction(self, fraction: float) -> None:
        self._on_progress(Progress(fraction, ""))

    def _on_progress(self, progress: Progress) -> None:
        before, self._progress = self._progress, progress
        # Whoever waits for the job wants to see it move; the keeper spaces the renewals.
        if progress.message != before.message:
            self._lease.tell(STEP_SPACING)
        elif _percent(progress) != _percent(before):
            self._lease.tell(NEWS_SPACING)
        title = self._offer.input.filename
        self._tools.display.job_moved(self._offer.job_id, title, self._report())

    def _report(self) -> Report:
        return Report(STAGE_OF[self._phase], self._progress.fraction, self._progress.message)


async def _remove(folder: JobFolder) -> None:
    try:
        await folder.remove()
    except SpoolError as error:
        # What became of the job stands; the next start clears the spool.
        _log.warning("job.folder_left", reason=str(error))


def _percent(progress: Progress) -> int:
    return int(progress.fraction * 100)
