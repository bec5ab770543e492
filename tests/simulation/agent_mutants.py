"""Bugs of the agent."""

import asyncio
from contextlib import ExitStack
from dataclasses import replace
from typing import Any

from agent.core import resume
from agent.core.resume import Answer, Have, Judgement, StartOver, TakeFrom
from agent.core.verdict import Release
from agent.edges import downloads, native_server
from agent.model.errors import JobFailedError, LeaseLostError, ServerUnavailableError
from agent.model.failures import FailureCode
from agent.model.ids import LeaseId, Seconds
from agent.model.lease import Directive, LeaseState, Renewal, Stage
from agent.model.work import Returned
from agent.ports import Report
from agent.runtime import fetch, report, resumption, work
from agent.runtime.board import Board
from agent.runtime.fetch import Download
from agent.runtime.introduced import IntroducedServer
from agent.runtime.renewal import LeaseHolder
from agent.runtime.settlement import Kept, Stop
from tests.simulation.planting import Plant, replace_with

ALWAYS_FINE = Renewal(LeaseState.OK, Seconds(90.0), Seconds(30.0), Directive.CONTINUE)


def accepts_an_offer_twice(undo: ExitStack) -> None:
    """An offer that comes again, of a job that is held, is taken for another job."""
    replace_with(undo, Board, "holds", lambda _: lambda _board, _lease_id: False)


def computes_before_the_first_renewal(undo: ExitStack) -> None:
    """An offer is taken for a lease."""

    async def accepted(_holder: LeaseHolder) -> None:
        return

    replace_with(undo, LeaseHolder, "accepted", lambda _: accepted)


def ignores_that_a_lease_is_lost(undo: ExitStack) -> None:
    """`lease_lost` in the answer to a renewal changes nothing."""

    def make(renew: Any) -> Any:
        async def deaf(server: IntroducedServer, lease_id: LeaseId, said: Report) -> Renewal:
            try:
                renewal: Renewal = await renew(server, lease_id, said)
            except LeaseLostError:
                return ALWAYS_FINE
            return renewal

        return deaf

    replace_with(undo, IntroducedServer, "renew", make)


def ignores_a_cancellation(undo: ExitStack) -> None:
    """`cancel` in the answer to a renewal changes nothing."""

    def make(on_renewed: Any) -> Any:
        def deaf(holder: LeaseHolder, renewal: Renewal, *more: Any) -> None:
            on_renewed(holder, replace(renewal, state=LeaseState.OK), *more)

        return deaf

    replace_with(undo, LeaseHolder, "_on_renewed", make)


def drops_the_lease_before_the_upload_is_acknowledged(undo: ExitStack) -> None:
    """Renewals end with the computation."""

    def make(renew: Any) -> Any:
        async def lazy(server: IntroducedServer, lease_id: LeaseId, said: Report) -> Renewal:
            if said.stage is Stage.UPLOADING:
                await asyncio.Event().wait()
            renewal: Renewal = await renew(server, lease_id, said)
            return renewal

        return lazy

    replace_with(undo, IntroducedServer, "renew", make)


def removes_the_result_before_it_is_acknowledged(undo: ExitStack) -> None:
    """A `complete` that nobody answered counts as heard."""

    def make(complete: Any) -> Any:
        async def hasty(server: IntroducedServer, *said: Any) -> None:
            try:
                await complete(server, *said)
            except ServerUnavailableError:
                return

        return hasty

    replace_with(undo, IntroducedServer, "complete", make)


def takes_any_page_for_an_acknowledgement(undo: ExitStack) -> None:
    """A hotel's 200 is as good as the server's."""
    replace_with(undo, native_server, "_acknowledged", lambda _: lambda _answer: None)


def hands_a_finished_result_back(undo: ExitStack) -> None:
    """An agent that is told to stop releases everything."""

    def make(_settlement: Any) -> Any:
        def eager(_stop: Stop, *, is_finished: bool) -> Release:
            return Release(f"stopped, finished: {is_finished}")

        return eager

    replace_with(undo, Stop, "settlement", make)


def reports_a_failure_only_once(undo: ExitStack) -> None:
    """`fail` and `release` are said, not repeated until they are heard."""

    async def once(call: Any, **_more: Any) -> Any:
        try:
            return await call()
        except ServerUnavailableError:
            return None

    replace_with(undo, report, "patiently", lambda _: once)


def resumes_without_if_range(undo: ExitStack) -> None:
    """A download goes on whatever became of the source in between."""

    def make(_range: Any) -> Any:
        def plain(offset: int, _etag: str | None) -> dict[str, str]:
            return {"Range": f"bytes={offset}-"} if offset else {}

        return plain

    def judge_part(_answer: Any, asked: Any) -> Judgement:
        return TakeFrom(asked.offset)

    replace_with(undo, downloads, "_range", make)
    replace_with(
        undo,
        resume,
        "_judge_part",
        lambda judge: lambda a, f: judge_part(a, f) if f.offset else judge(a, f),
    )


def appends_what_starts_again(undo: ExitStack) -> None:
    """A source that sends everything again is taken for one that goes on."""

    def make(judge: Any) -> Any:
        def careless(answer: Answer, fetch: Any, have: Have, size: Any) -> Judgement:
            judgement: Judgement = judge(answer, fetch, have, size)
            is_again = isinstance(judgement, StartOver) and judgement.is_open and have.length
            return TakeFrom(have.length) if is_again else judgement

        return careless

    replace_with(undo, fetch, "judge", make)


def does_not_check_the_input(undo: ExitStack) -> None:
    """Whatever came is computed."""

    def make(_is_right: Any) -> Any:
        async def trusting(download: Download) -> bool:
            await download._partial.digest()
            return True

        return trusting

    replace_with(undo, Download, "_is_right", make)


def resumes_under_the_old_lease(undo: ExitStack) -> None:
    """Hello's new lease_id is not taken over."""

    def make(received: Any) -> Any:
        def stubborn(folder: Any, grant: Any, *more: Any) -> Any:
            return received(folder, replace(grant, lease_id=folder.journal.offer.lease_id), *more)

        return stubborn

    replace_with(undo, resumption, "_received", make)


def tells_nothing_of_earlier_jobs(undo: ExitStack) -> None:
    """Hello comes without `resuming`."""
    replace_with(undo, resumption.Resumption, "lines", lambda _: property(lambda _self: ()))


def counts_a_yield_as_a_failure(undo: ExitStack) -> None:
    """A job whose child was ended for somebody else is told to be impossible."""

    def blame(outcome: Returned) -> JobFailedError:
        return JobFailedError(FailureCode.INTERNAL, outcome.reason)

    replace_with(undo, work, "_returned", lambda _: blame)


def loses_what_waits_when_it_steps_back(undo: ExitStack) -> None:
    """It keeps the lease of a job that it has stopped."""
    replace_with(undo, Stop, "settlement", lambda _: lambda _stop, **_kept: Kept())


ALL: tuple[Plant, ...] = (
    counts_a_yield_as_a_failure,
    loses_what_waits_when_it_steps_back,
    accepts_an_offer_twice,
    computes_before_the_first_renewal,
    ignores_that_a_lease_is_lost,
    ignores_a_cancellation,
    drops_the_lease_before_the_upload_is_acknowledged,
    removes_the_result_before_it_is_acknowledged,
    takes_any_page_for_an_acknowledgement,
    hands_a_finished_result_back,
    reports_a_failure_only_once,
    resumes_without_if_range,
    appends_what_starts_again,
    does_not_check_the_input,
    resumes_under_the_old_lease,
    tells_nothing_of_earlier_jobs,
)
