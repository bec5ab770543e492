"""What is done for one job: its input fetched, a slot waited for, a result computed, delivered."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import PurePath

import structlog

from agent.core.job_life import (
    MOST_COMPUTATIONS,
    STAGE_OF,
    Event,
    Phase,
    advance,
    phase_at_start,
)
from agent.core.lease_keeper import NEWS_SPACING, STEP_SPACING
from agent.core.rate import Rate
from agent.model.errors import JobFailedError, JobReturnedError
from agent.model.failures import FailureCode
from agent.model.held import Finished
from agent.model.ids import Bytes, Seconds
from agent.model.lease import Offer
from agent.model.work import Failed, Produced, Progress, Returned, Task
from agent.ports import JobFolder, Report
from agent.runtime.compute import compute
from agent.runtime.deliver import Delivery
from agent.runtime.fetch import Download
from agent.runtime.overtime import Overtime
from agent.runtime.race import INTERRUPTED, first_of
from agent.runtime.report import result_of
from agent.runtime.settlement import RETRY_AFTER, Delivered
from agent.runtime.slots import Slots
from agent.runtime.stopwatch import Stopwatch
from agent.runtime.tools import Policy, Tools

_log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Transfer:
    """An input or a result on its way."""

    moved: Bytes
    to_move: Bytes | None
    rate: float | None
    """Bytes a second."""


class Work:
    """The job's way through its phases, from wherever its journal says that it is."""

    def __init__(
        self,
        offer: Offer,
        tools: Tools,
        policy: Policy,
        *,
        left: JobFolder | None,
        on_news: Callable[[Seconds], None],
        on_slot_free: Callable[[], None],
    ) -> None:
        """`left`: what an earlier start left of it. `on_news` hears how urgent the news is."""
        self._offer = offer
        self._tools = tools
        self._policy = policy
        self._on_news = on_news
        self._on_slot_free = on_slot_free
        self._phase = Phase.FETCHING if left is None else phase_at_start(left.journal)
        self._progress = Progress(0.0, "")
        self._delivery: Delivery | None = None
        self._transfer: Download | Delivery | None = None
        self._rate = Rate()
        self.result_size: Bytes | None = None
        """Of all artifacts, once they are finished."""
        self.stopwatch = Stopwatch(tools.clock.now, self._phase)

    @property
    def phase(self) -> Phase:
        return self._phase

    @property
    def report(self) -> Report:
        return Report(STAGE_OF[self._phase], self._progress.fraction, self._progress.message)

    @property
    def transfer(self) -> Transfer | None:
        """None where no bytes move in this phase."""
        moving = self._transfer
        if moving is None:
            return None
        rate = self._rate.rate(moving.moved, self._tools.clock.now())
        return Transfer(moving.moved, moving.to_move, rate)

    def on_contact(self) -> None:
        """The server has answered a renewal: a delivery need not wait out its pause."""
        if self._delivery is not None:
            self._delivery.on_contact()

    def end(self) -> None:
        """However it ended: nothing more is done."""
        self._phase = advance(self._phase, Event.ENDED)

    async def run(self, folder: JobFolder, slots: Slots) -> Delivered:
        """Raises what `verdict` has a word for."""
        finished = folder.journal.finished or await self._finish(folder, slots)
        self.result_size = Bytes(sum(artifact.size for artifact in finished.manifest))
        delivery = Delivery(self._offer, folder, self._tools, self._on_fraction)
        self._delivery = self._transfer = delivery
        await delivery.run(finished.manifest, lambda: result_of(finished, self.stopwatch.read()))
        return Delivered(len(finished.manifest))

    async def _finish(self, folder: JobFolder, slots: Slots) -> Finished:
        foresight = self._tools.foresight
        if foresight is None:
            return await self._compute(folder, slots)
        foresight.hold(self._offer, lambda: self.stopwatch.computed)
        try:
            finished = await self._compute(folder, slots)
        finally:
            foresight.forget(self._offer)
        await foresight.note(self._offer, folder.input.length, self.stopwatch.read())
        return finished

    async def _compute(self, folder: JobFolder, slots: Slots) -> Finished:
        if self._phase is Phase.FETCHING:
            await self._fetch(folder)
            self._move(Event.INPUT_READY)
        async with slots:
            self._move(Event.SLOT_GRANTED)
            produced = await self._process(folder)
            finished = await folder.seal(produced, self.stopwatch.read())
        self._move(Event.PRODUCED)
        self._on_slot_free()
        return finished

    async def _fetch(self, folder: JobFolder) -> None:
        self._on_fraction(0.0)
        download = Download(
            self._offer.input, folder.input, self._tools, self._policy, self._on_fraction
        )
        self._transfer = download
        await download.run()
        await folder.seal_input()

    async def _process(self, folder: JobFolder) -> Produced:
        if folder.journal.computations >= MOST_COMPUTATIONS:
            raise JobFailedError(
                FailureCode.WORKER_CRASHED,
                f"the agent ended {MOST_COMPUTATIONS} times while it computed this job",
            )
        task = await self._task(folder)
        overtime = self._overtime()

        def on_progress(progress: Progress) -> None:
            overtime.on_progress(progress)
            self._heed_pause(progress)
            self._on_progress(progress)

        outcome = await first_of(
            compute(task, self._tools.pool, on_progress, folder.begin, overtime.stop_after),
            overtime.comes(),
        )
        if outcome is INTERRUPTED:
            raise overtime.error()
        if isinstance(outcome, Failed):
            raise JobFailedError(outcome.code, outcome.message, outcome.detail)
        if isinstance(outcome, Returned):
            raise _returned(outcome)
        return outcome

    def _heed_pause(self, progress: Progress) -> None:
        watch, observer, job_id = self.stopwatch, self._tools.observer, self._offer.job_id
        if progress.is_paused and not watch.is_paused:
            watch.on_paused()
            observer.job_paused(job_id)
        elif watch.is_paused and not progress.is_paused:
            watch.on_went_on()
            observer.job_went_on(job_id)

    def _overtime(self) -> Overtime:
        longest = self._policy.task_timeout
        return Overtime(
            self._tools.clock,
            limit=min(self._offer.timeout or longest, longest),
            soft_stop=self._policy.soft_stop,
            longest_pause=longest,
        )

    async def _task(self, folder: JobFolder) -> Task:
        return Task(
            job_id=self._offer.job_id,
            content_type=self._offer.content_type,
            input=await folder.seal_input(),
            filename=PurePath(self._offer.input.filename).name or "input",
            media_type=self._offer.input.media_type,
            output=await folder.begin(),
            options=self._offer.options,
        )

    def _move(self, event: Event) -> None:
        self._phase = advance(self._phase, event)
        self._transfer = None
        self.stopwatch.enter(self._phase)
        stage = STAGE_OF[self._phase]
        _log.debug("stage.entered", stage=stage.value)
        self._tools.observer.job_moved(self._offer.job_id, stage)
        self._on_progress(Progress(0.0, ""))
        self._on_news(STEP_SPACING)

    def _on_fraction(self, fraction: float) -> None:
        self._on_progress(Progress(fraction, ""))

    def _on_progress(self, progress: Progress) -> None:
        before, self._progress = self._progress, progress
        if self._transfer is not None:
            self._rate.on_bytes(self._transfer.moved, self._tools.clock.now())
        # Whoever waits for the job wants to see it move; the keeper spaces the renewals.
        if progress.message != before.message:
            self._on_news(STEP_SPACING)
        elif _percent(progress) != _percent(before):
            self._on_news(NEWS_SPACING)
        self._tools.display.job_moved(self._offer.job_id, self._offer.input.filename, self.report)


def _returned(outcome: Returned) -> JobReturnedError:
    is_fault = outcome.is_box_fault
    retry_after = None if is_fault else RETRY_AFTER
    return JobReturnedError(outcome.reason, retry_after=retry_after, is_box_fault=is_fault)


def _percent(progress: Progress) -> int:
    return int(progress.fraction * 100)
