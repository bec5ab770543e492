"""Ends a computation that takes too long, or that waits too long in the middle."""

import asyncio

from agent.core.task_time import TaskTime, Verdict, time_to_stop
from agent.model.errors import JobError, JobFailedError, JobReturnedError
from agent.model.failures import FailureCode
from agent.model.ids import Seconds
from agent.model.work import Progress
from agent.ports import Clock
from agent.runtime.race import first_of
from agent.runtime.settlement import RETRY_AFTER


class Overtime:
    def __init__(
        self, clock: Clock, *, limit: Seconds, soft_stop: Seconds, longest_pause: Seconds
    ) -> None:
        self._clock = clock
        self._limit = limit
        self._soft_stop = soft_stop
        self._longest_pause = longest_pause
        self._time = TaskTime(limit=limit, longest_pause=longest_pause, now=clock.now())
        self._news = asyncio.Event()

    def on_progress(self, progress: Progress) -> None:
        now = self._clock.now()
        if progress.is_paused:
            self._time.on_paused(now)
        else:
            self._time.on_went_on(now)
        self._news.set()

    def stop_after(self) -> Seconds:
        """What is left until the task is to end at its next safe point."""
        late = self._limit - time_to_stop(self._limit, self._soft_stop)
        return Seconds(max(0.0, self._time.left(self._clock.now()) - late))

    async def comes(self) -> None:
        while self._time.verdict(self._clock.now()) is None:
            self._news.clear()
            await first_of(self._clock.sleep_until(self._time.next_wakeup), self._news.wait())

    def error(self) -> JobError:
        """What becomes of the job."""
        if self._time.verdict(self._clock.now()) is Verdict.FORGOTTEN:
            return JobReturnedError(
                f"yielded: paused for {self._longest_pause:g} s", retry_after=RETRY_AFTER
            )
        return JobFailedError(FailureCode.TIMEOUT, f"not done within {self._limit:g} s")
