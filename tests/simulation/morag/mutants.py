"""Bugs of the dialect: what a careless client of this API would do."""

from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from typing import Any

from agent.core.claim_fate import Final
from agent.edges.morag.claims import DiskClaims
from agent.model.claim import Claim, Outcome
from agent.model.errors import LeaseLostError
from agent.model.ids import LeaseId
from agent.model.lease import LostReason
from agent.runtime.morag import server
from agent.runtime.morag.asking import Asking
from agent.runtime.morag.holdings import Holdings
from agent.runtime.morag.offering import Offering
from agent.runtime.morag.server import MoragServer
from agent.runtime.morag.telling import Telling
from tests.simulation.planting import Plant, replace_with


def sends_a_result_without_asking(undo: ExitStack) -> None:
    """Whether the server has it already is not looked at."""

    async def always(_telling: Telling, _claim: Claim, _outcome: Outcome) -> bool:
        return True

    replace_with(undo, Telling, "_is_wanted", lambda _: always)


def does_not_wait_for_an_ingestion(undo: ExitStack) -> None:
    """A result of which nobody says that it arrived is sent again at once."""
    replace_with(undo, Telling, "_wait_out_doubt", lambda _: lambda _telling, _claim: None)


def forgets_that_a_result_was_sent(undo: ExitStack) -> None:
    """A start after a crash takes what is under way for never sent."""

    def make(read: Any) -> Any:
        def hopeful(claims: DiskClaims, path: Any) -> Claim | None:
            claim: Claim | None = read(claims, path)
            return None if claim is None else replace(claim, is_sent=False)

        return hopeful

    replace_with(undo, DiskClaims, "_read", make)


def keeps_jobs_in_memory_only(undo: ExitStack) -> None:
    """No note of a job that was taken reaches the disk."""

    async def lose(_claims: DiskClaims, _claim: Claim) -> None:
        return

    replace_with(undo, DiskClaims, "save", lambda _: lose)


def gives_up_the_question(undo: ExitStack) -> None:
    """A poll that is cut short cuts the question short, too."""

    async def heard(asking: Asking) -> None:
        if (question := asking._under_way) is not None:
            try:
                await question
            finally:
                asking._under_way = None

    replace_with(undo, Asking, "heard", lambda _: heard)


def forgets_what_it_hands_back(undo: ExitStack) -> None:
    """As if somebody else could take the job."""

    async def release(said: MoragServer, lease_id: LeaseId, *_: object) -> None:
        holdings = said._holdings
        await holdings.end(holdings.under(lease_id).job_id, LostReason.UNKNOWN)

    replace_with(undo, MoragServer, "release", lambda _: release)


def tells_every_failure_at_once(undo: ExitStack) -> None:
    """As if the server would try the job again."""
    replace_with(undo, server, "after_failure", lambda _: lambda _claim, _code: Final())


def forgets_jobs_that_it_did_not_begin(undo: ExitStack) -> None:
    """What the spool does not hold is not offered again after a restart."""

    async def load(holdings: Holdings, now: float) -> None:
        await LOAD(holdings, now)  # type: ignore[arg-type]
        holdings._due.clear()

    replace_with(undo, Holdings, "load", lambda _: load)


def drops_a_job_that_the_server_does_not_answer_for(undo: ExitStack) -> None:
    """A question that fails counts as the answer that there is no such job."""

    def make(reason_against: Any) -> Any:
        async def hasty(offering: Offering, *asked: Any) -> LostReason | None:
            try:
                reason: LostReason | None = await reason_against(offering, *asked)
            except LeaseLostError as error:
                return error.reason
            except Exception:  # noqa: BLE001 - that is the bug
                return LostReason.UNKNOWN
            return reason

        return hasty

    replace_with(undo, Offering, "reason_against", make)


LOAD = Holdings.load


MUTANTS: Mapping[str, Plant] = {
    plant.__name__: plant
    for plant in (
        sends_a_result_without_asking,
        does_not_wait_for_an_ingestion,
        forgets_that_a_result_was_sent,
        keeps_jobs_in_memory_only,
        gives_up_the_question,
        forgets_what_it_hands_back,
        tells_every_failure_at_once,
        forgets_jobs_that_it_did_not_begin,
        drops_a_job_that_the_server_does_not_answer_for,
    )
}


@contextmanager
def planted(name: str) -> Iterator[None]:
    with ExitStack() as undo:
        MUTANTS[name](undo)
        yield
