"""The questions for a new job: one at a time, at our own pace, and never given up."""

import asyncio
from collections.abc import Sequence

import structlog

from agent.core.morag_options import options_of, words_only
from agent.core.poll_pace import PollPace
from agent.model.claim import Claim, NewJob
from agent.model.errors import AskedTooOftenError
from agent.model.ids import Instant
from agent.ports import Clock, RemoteJobs
from agent.runtime.morag.holdings import Holdings

_log = structlog.get_logger(__name__)


class Asking:
    def __init__(self, calls: RemoteJobs, holdings: Holdings, clock: Clock, pace: PollPace) -> None:
        self._calls = calls
        self._holdings = holdings
        self._clock = clock
        self._pace = pace
        self._under_way: asyncio.Task[None] | None = None

    @property
    def next_at(self) -> Instant:
        return self._pace.next_at

    async def ask(self, content_types: Sequence[str]) -> None:
        """Ask once if it is time; a job that comes of it is among the holdings, and on disk.

        Who is cancelled meanwhile does not cancel the question: a job that it brought would be
        stuck at the server for ever.
        """
        if self._under_way is None and self._clock.now() >= self._pace.next_at:
            self._under_way = asyncio.create_task(self._ask(content_types))
            # Nobody may be left to hear how it failed.
            self._under_way.add_done_callback(_look_at)
        await self.heard()

    async def heard(self) -> None:
        """Wait for the answer to the question that is under way."""
        if (question := self._under_way) is None:
            return
        try:
            await asyncio.shield(question)
        finally:
            if question.done():
                self._under_way = None

    async def _ask(self, content_types: Sequence[str]) -> None:
        try:
            job = await self._calls.claim(content_types)
        except AskedTooOftenError as error:
            self._pace.on_too_much(self._clock.now(), error.retry_after)
            _log.warning("poll.held_off", reason=str(error))
            return
        now = self._clock.now()
        if job is None:
            self._pace.on_nothing(now)
        else:
            self._pace.on_job(now)
            await self._holdings.take(_claim_of(job), now)


def _look_at(question: asyncio.Task[None]) -> None:
    if not question.cancelled():
        question.exception()


def _claim_of(job: NewJob) -> Claim:
    return Claim(
        job_id=job.job_id,
        url=job.url,
        content_type=job.content_type,
        options=words_only(job.content_type, options_of(job.content_type, job.task_options)),
    )
