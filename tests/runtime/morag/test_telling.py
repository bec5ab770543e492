import asyncio
from collections import deque

import pytest

from agent.model.claim import Claim, JobStatus
from agent.model.errors import LeaseLostError, ServerError, ServerUnavailableError
from agent.model.failures import FailureCode
from agent.model.ids import JobId, LeaseId, Seconds
from agent.model.lease import LostReason, Offer, Stage
from tests.runtime.morag.conftest import PATIENCE, Side, ask, cut_short, report, result

CUT = ServerUnavailableError("the connection broke")
STAGE = Stage.DOWNLOADING


async def taken(side: Side) -> Offer:
    side.jobs.add()
    await side.greet()
    offer = await side.offered()
    await side.lay_out(offer.lease_id)
    return offer


async def test_a_result_is_ingested_and_the_job_forgotten(side: Side) -> None:
    offer = await taken(side)

    await side.server.complete(offer.lease_id, result())

    (outcome,) = side.jobs.outcomes[offer.job_id]
    assert "Two words." in (outcome.content or "")
    assert outcome.metadata is not None
    assert outcome.metadata["content_type"] == "text"
    assert outcome.spent == 1.5
    assert side.claims.notes == {}
    assert side.tray.of(f"morag:{offer.lease_id}") == {}


async def test_an_empty_result_is_told_as_a_failure(side: Side) -> None:
    offer = await taken(side)
    side.tray.clear(f"morag:{offer.lease_id}")

    await side.server.complete(offer.lease_id, result())

    assert side.jobs.states[offer.job_id] is JobStatus.FAILED
    assert "no speech" in (side.jobs.outcomes[offer.job_id][0].error or "")


@pytest.mark.parametrize("marks_first", [True, False])
async def test_an_answer_that_is_lost_brings_no_second_ingestion(
    side: Side, marks_first: bool
) -> None:
    side.jobs.marks_first = marks_first
    side.jobs.ingestion = Seconds(300.0)
    side.jobs.losses = deque([CUT])
    offer = await taken(side)

    await side.complete(offer.lease_id)

    assert side.jobs.ingested == {offer.job_id: 1}
    assert side.claims.notes == {}


async def test_a_result_that_got_lost_is_sent_again_when_an_ingestion_must_be_over(
    side: Side,
) -> None:
    offer = await taken(side)
    side.jobs.losses = deque([CUT])
    with pytest.raises(ServerUnavailableError):
        await side.server.complete(offer.lease_id, result())
    # The server has never seen it: it was restarted from a copy of yesterday.
    await asyncio.sleep(1.0)
    side.jobs.states[offer.job_id] = JobStatus.PROCESSING
    side.jobs.ingested.clear()

    await side.complete(offer.lease_id)

    assert side.jobs.ingested == {offer.job_id: 1}
    assert side.clock.now() >= PATIENCE


async def test_a_result_that_waited_for_the_uplink_is_not_in_doubt_from_before_it_went_out(
    side: Side,
) -> None:
    offer = await taken(side)
    side.jobs.uplink = Seconds(PATIENCE + 100.0)
    side.jobs.marks_first = False
    side.jobs.ingestion = Seconds(PATIENCE - 100.0)
    side.jobs.losses = deque([CUT])

    await side.complete(offer.lease_id)

    assert side.jobs.ingested == {offer.job_id: 1}


async def test_a_result_that_was_refused_is_sent_again_at_once(side: Side) -> None:
    offer = await taken(side)
    side.jobs.errors = {"send": deque([ServerUnavailableError("503", answered=True)])}

    tries = await side.complete(offer.lease_id)

    assert (tries, side.clock.now()) == (2, 2.0)
    assert side.jobs.ingested == {offer.job_id: 1}


@pytest.mark.parametrize("marks_first", [True, False])
async def test_a_start_after_a_crash_asks_before_it_sends_again(
    side: Side, marks_first: bool
) -> None:
    side.jobs.marks_first = marks_first
    side.jobs.ingestion = Seconds(200.0)
    offer = await taken(side)
    await cut_short(side.server.complete(offer.lease_id, result()), after=10.0)

    side.start()
    leases = await side.greet((offer.job_id, offer.lease_id, Stage.UPLOADING))
    again = leases[offer.lease_id]
    if again is not None:
        await side.lay_out(again)
        await side.complete(again)

    assert side.jobs.ingested == {offer.job_id: 1}
    assert side.claims.notes == {}


async def test_a_result_that_an_earlier_start_delivered_counts_as_completed(side: Side) -> None:
    offer = await taken(side)
    await side.server.complete(offer.lease_id, result())
    # The note went, but the power failed before the folder was synced.
    side.claims.notes[offer.job_id] = _claim(offer.job_id)

    side.start()
    leases = await side.greet((offer.job_id, offer.lease_id, Stage.UPLOADING))

    assert leases == {offer.lease_id: None}
    with pytest.raises(LeaseLostError) as lost:
        await side.server.complete(offer.lease_id, result())
    assert lost.value.reason is LostReason.COMPLETED


def _claim(job_id: JobId) -> Claim:
    return Claim(job_id=job_id, url="/j", content_type="text", options={}, filename="j1.txt")


async def test_a_job_that_somebody_else_completed_is_not_ingested_twice(side: Side) -> None:
    offer = await taken(side)
    side.jobs.states[offer.job_id] = JobStatus.COMPLETED

    await side.server.complete(offer.lease_id, result())

    assert side.jobs.outcomes == {}
    assert side.claims.notes == {}


async def test_a_result_for_a_job_that_was_called_failed_is_still_taken(side: Side) -> None:
    offer = await taken(side)
    side.jobs.states[offer.job_id] = JobStatus.FAILED

    await side.server.complete(offer.lease_id, result())

    assert side.jobs.ingested == {offer.job_id: 1}


@pytest.mark.parametrize(
    ("state", "reason"),
    [(JobStatus.CANCELLED, LostReason.CANCELLED), (None, LostReason.UNKNOWN)],
)
async def test_a_job_that_is_no_more_gets_no_result(
    side: Side, state: JobStatus | None, reason: LostReason
) -> None:
    offer = await taken(side)
    if state is None:
        del side.jobs.states[offer.job_id]
    else:
        side.jobs.states[offer.job_id] = state

    with pytest.raises(LeaseLostError) as lost:
        await side.server.complete(offer.lease_id, result())

    assert lost.value.reason is reason
    assert side.jobs.outcomes == {}
    assert side.claims.notes == {}


async def test_a_failure_is_told_with_its_code(side: Side) -> None:
    offer = await taken(side)

    await side.server.fail(offer.lease_id, FailureCode.MEDIA_UNREADABLE, "it is torn", "trace")

    assert side.jobs.outcomes[offer.job_id][0].error == "media_unreadable: it is torn"
    assert side.jobs.states[offer.job_id] is JobStatus.FAILED


async def test_what_a_renewal_hears_of_our_own_word_does_not_end_the_job(side: Side) -> None:
    offer = await taken(side)
    await side.server.renew(offer.lease_id, report())
    await asyncio.sleep(61.0)
    told, status = asyncio.Event(), side.jobs.status

    async def answered_late(job_id: JobId) -> JobStatus:
        side.jobs.status = status  # type: ignore[method-assign]
        await told.wait()
        return await status(job_id)

    side.jobs.status = answered_late  # type: ignore[method-assign]
    side.jobs.uplink = Seconds(1.0)
    renewal = asyncio.create_task(side.server.renew(offer.lease_id, report()))
    await asyncio.sleep(0.1)
    word = side.server.fail(offer.lease_id, FailureCode.MEDIA_UNREADABLE, "it is torn", "")
    failing = asyncio.create_task(word)
    await asyncio.sleep(0.1)
    side.jobs.states[offer.job_id] = JobStatus.FAILED
    told.set()

    await renewal
    await failing

    assert side.claims.notes == {}


async def test_a_failure_never_undoes_a_result(side: Side) -> None:
    offer = await taken(side)
    side.jobs.states[offer.job_id] = JobStatus.COMPLETED

    await side.server.fail(offer.lease_id, FailureCode.MEDIA_UNREADABLE, "it is torn", "")

    assert side.jobs.states[offer.job_id] is JobStatus.COMPLETED
    assert side.jobs.outcomes == {}


async def test_what_may_succeed_is_tried_three_times_before_it_is_called_failed(
    side: Side,
) -> None:
    offer = await taken(side)
    attempts = []
    for _ in range(3):
        attempts.append(offer.attempt)
        await side.server.fail(offer.lease_id, FailureCode.WORKER_CRASHED, "it died", "")
        if side.jobs.states[offer.job_id] is JobStatus.FAILED:
            break
        offer = await side.offered(4000.0)

    assert attempts == [1, 2, 3]
    assert side.jobs.states[offer.job_id] is JobStatus.FAILED


async def test_a_job_that_is_handed_back_waits_for_this_box(side: Side) -> None:
    offer = await taken(side)

    await side.server.release(offer.lease_id, "a game", Seconds(60.0))
    again = await side.offered(100.0)

    assert (again.job_id, again.attempt) == (offer.job_id, 1)
    assert again.lease_id != offer.lease_id
    assert side.clock.now() == 60.0


async def test_a_job_that_waits_for_this_box_outlasts_a_restart(side: Side) -> None:
    offer = await taken(side)
    await side.server.release(offer.lease_id, "leaving", None)

    side.start()
    await side.greet()

    assert (await side.offered()).job_id == offer.job_id


async def test_a_job_that_was_cancelled_while_it_waited_is_dropped(side: Side) -> None:
    offer = await taken(side)
    await side.server.release(offer.lease_id, "a game", Seconds(60.0))
    side.jobs.states[offer.job_id] = JobStatus.CANCELLED

    assert (await side.server.poll(ask(100.0))).offer is None
    assert side.claims.notes == {}


@pytest.mark.parametrize(
    ("stage", "state", "goes_on"),
    [
        (Stage.DOWNLOADING, JobStatus.PROCESSING, True),
        (Stage.DOWNLOADING, JobStatus.TIMEOUT, True),
        (Stage.PROCESSING, JobStatus.PENDING, True),
        (Stage.DOWNLOADING, JobStatus.PENDING, False),
        (Stage.PROCESSING, JobStatus.FAILED, False),
        (Stage.UPLOADING, JobStatus.FAILED, True),
        (Stage.UPLOADING, JobStatus.CANCELLED, False),
        (Stage.UPLOADING, JobStatus.COMPLETED, False),
    ],
)
async def test_what_the_spool_holds_goes_on_if_it_is_of_use(
    side: Side, stage: Stage, state: JobStatus, goes_on: bool
) -> None:
    offer = await taken(side)
    side.jobs.states[offer.job_id] = state

    side.start()
    leases = await side.greet((offer.job_id, offer.lease_id, stage))

    assert (leases[offer.lease_id] is not None) is goes_on
    assert (offer.job_id in side.claims.notes) is goes_on


async def test_a_job_in_the_spool_of_which_no_note_is_left_was_settled(side: Side) -> None:
    await side.greet()

    leases = await side.greet((JobId("old"), LeaseId("l"), Stage.PROCESSING))

    assert leases == {"l": None}


@pytest.mark.parametrize("error", [ServerUnavailableError("gone"), CUT])
async def test_a_server_that_cannot_be_asked_gets_nothing(side: Side, error: ServerError) -> None:
    offer = await taken(side)
    side.jobs.errors = {"status": deque([error])}

    with pytest.raises(ServerUnavailableError):
        await side.server.complete(offer.lease_id, result())

    assert "send" not in side.jobs.calls


async def test_a_job_that_goes_while_its_result_is_sent_is_forgotten(side: Side) -> None:
    offer = await taken(side)

    async def gone(*_: object) -> None:
        raise LeaseLostError(LostReason.UNKNOWN)

    side.jobs.send = gone  # type: ignore[method-assign, assignment]
    with pytest.raises(LeaseLostError):
        await side.server.complete(offer.lease_id, result())

    assert side.claims.notes == {}


async def test_two_who_hold_the_same_job_do_not_send_it_both(side: Side) -> None:
    offer = await taken(side)
    side.jobs.ingestion = Seconds(100.0)
    first = asyncio.create_task(side.server.complete(offer.lease_id, result()))
    await asyncio.sleep(1.0)

    with pytest.raises(ServerUnavailableError, match="is being sent"):
        await side.server.complete(offer.lease_id, result())

    await first
    assert side.jobs.ingested == {offer.job_id: 1}


async def test_of_two_folders_for_one_job_one_goes_on_however_often_hello_is_said(
    side: Side,
) -> None:
    offer = await taken(side)
    lines = [(offer.job_id, offer.lease_id, Stage.PROCESSING), (offer.job_id, LeaseId("l"), STAGE)]

    side.start()
    first = await side.greet(*lines)
    second = await side.greet(*lines)

    for leases in (first, second):
        assert leases[offer.lease_id] is not None
        assert leases[LeaseId("l")] is None
