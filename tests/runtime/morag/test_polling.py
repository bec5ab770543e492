import asyncio
from collections import deque
from itertools import pairwise

import pytest
from structlog.testing import capture_logs

from agent.model.claim import Claim, JobStatus
from agent.model.errors import (
    AskedTooOftenError,
    CredentialsRefusedError,
    LeaseLostError,
    RequestRefusedError,
    ServerUnavailableError,
)
from agent.model.failures import FailureCode
from agent.model.ids import Bytes, JobId, Seconds
from agent.model.lease import LostReason, Stage
from tests.runtime.morag.conftest import LARGEST, Side, ask, cut_short, report
from tests.virtual_time import LoopClock


async def test_a_job_that_waits_is_taken_at_once_with_name_and_size(side: Side) -> None:
    job_id = side.jobs.add(options={"language": "de", "webhook_auth_token": "secret"})
    await side.greet()

    offer = await side.offered()

    assert (offer.job_id, offer.input.filename, offer.input.size) == (job_id, "j1.txt", 10)
    assert side.clock.now() == 0.0


async def test_the_secrets_of_a_job_go_no_further(side: Side) -> None:
    side.jobs.add(options={"databases": [{"password": "s3cret"}], "webhook_auth_token": "s3cret"})
    await side.greet()

    offer = await side.offered()

    assert "s3cret" not in repr(offer) + repr(side.claims.notes)


async def test_a_job_that_comes_later_is_found_within_the_same_poll(side: Side) -> None:
    await side.greet()
    asyncio.get_running_loop().call_later(10.0, side.jobs.add)

    await side.offered()

    assert 10.0 <= side.clock.now() < 12.0


async def test_a_poll_that_finds_nothing_ends_when_it_was_to(side: Side) -> None:
    await side.greet()

    found = await side.server.poll(ask(25.0))

    assert (found.offer, side.clock.now()) == (None, 25.0)


async def test_pauses_go_on_from_one_poll_to_the_next(side: Side) -> None:
    await side.greet()
    for _ in range(40):
        await side.server.poll(ask(7.0))

    gaps = [after - before for before, after in pairwise(side.jobs.asked_at)]

    assert min(gaps) > 0.8
    assert min(gaps[-5:]) > 3.0


@pytest.mark.parametrize("free", [0])
async def test_nothing_is_asked_for_without_a_place_to_compute(side: Side, free: int) -> None:
    side.jobs.add()
    await side.greet()

    found = await side.server.poll(ask(60.0, free=free))

    assert found.offer is None
    assert side.jobs.asked_at == []


async def test_a_job_is_on_disk_before_anybody_hears_of_it(side: Side) -> None:
    job_id = side.jobs.add()
    await side.greet()

    await side.offered()

    assert job_id in side.claims.notes


async def test_a_poll_that_is_cut_short_loses_no_job(side: Side) -> None:
    side.jobs.latency = Seconds(2.0)
    job_id = side.jobs.add()
    await side.greet()

    await cut_short(side.server.poll(ask()), after=1.0)
    offer = await side.offered()

    assert offer.job_id == job_id
    assert side.jobs.calls.count("claim") == 1


async def test_an_agent_that_leaves_hears_the_last_question_out(side: Side) -> None:
    side.jobs.latency = Seconds(2.0)
    job_id = side.jobs.add()
    await side.greet()
    await cut_short(side.server.poll(ask()), after=1.0)

    await side.server.sign_off(())

    assert job_id in side.claims.notes


async def test_a_job_that_nobody_began_is_offered_by_the_next_start(side: Side) -> None:
    job_id = side.jobs.add()
    await side.greet()
    await side.offered()

    side.start()
    await side.greet()

    assert (await side.offered()).job_id == job_id


async def test_a_job_is_held_although_the_disk_refuses_its_note(side: Side) -> None:
    job_id = side.jobs.add()
    side.claims.is_full = True
    await side.greet()

    assert (await side.offered()).job_id == job_id


async def test_a_job_is_handed_out_once(side: Side) -> None:
    side.jobs.add()
    await side.greet()
    await side.offered()

    assert (await side.server.poll(ask(100.0))).offer is None


async def test_a_server_that_is_asked_too_often_is_left_alone(side: Side) -> None:
    side.jobs.errors = {"claim": deque([AskedTooOftenError("429", answered=True)])}
    await side.greet()
    side.jobs.add()

    await side.offered(200.0)

    assert side.clock.now() == 60.0


async def test_an_outage_is_the_loops_to_outlast(side: Side) -> None:
    await side.greet()
    side.jobs.errors = {"claim": deque([ServerUnavailableError("gone")])}

    with pytest.raises(ServerUnavailableError):
        await side.server.poll(ask())

    job_id = side.jobs.add()
    assert (await side.offered()).job_id == job_id


async def test_a_look_that_fails_is_repeated_and_others_go_first(side: Side) -> None:
    side.jobs.add("j1")
    side.jobs.add("j2")
    await side.greet()
    side.jobs.errors = {"look": deque([ServerUnavailableError("500", answered=True)])}

    first = await side.offered()
    second = await side.offered(100.0)

    assert (first.job_id, second.job_id) == ("j2", "j1")
    assert side.clock.now() >= 30.0


async def test_an_input_that_is_not_there_is_tried_in_earnest(side: Side) -> None:
    side.jobs.add()
    await side.greet()
    side.jobs.errors = {"look": deque([LeaseLostError(LostReason.UNKNOWN)])}

    offer = await side.offered()

    assert (offer.input.filename, offer.input.size) == ("text-j1", None)


async def test_a_look_that_something_on_the_way_refuses_is_repeated(side: Side) -> None:
    side.jobs.add()
    await side.greet()
    side.jobs.errors = {"look": deque([CredentialsRefusedError("403")])}

    offer = await side.offered(100.0)

    assert (offer.input.filename, side.clock.now()) == ("j1.txt", 30.0)


async def test_a_job_that_ended_before_it_was_looked_at_is_dropped(side: Side) -> None:
    job_id = side.jobs.add()
    await side.greet()
    side.jobs.errors = {"look": deque([ServerUnavailableError("gone")])}
    await side.server.poll(ask(1.0))
    side.jobs.states[job_id] = JobStatus.CANCELLED
    side.jobs.errors = {"look": deque([CredentialsRefusedError("403: not in processing")])}

    found = await side.server.poll(ask(100.0))

    assert found.offer is None
    assert side.claims.notes == {}


async def test_an_input_that_is_too_large_for_ever_is_told_to_its_sender(side: Side) -> None:
    job_id = side.jobs.add()
    side.jobs.size = Bytes(LARGEST + 1)
    await side.greet()

    found = await side.server.poll(ask(5.0))

    assert found.offer is None
    assert side.jobs.states[job_id] is JobStatus.FAILED
    assert (side.jobs.outcomes[job_id][0].error or "").startswith("too_large: the input has")
    assert side.claims.notes == {}


async def test_an_input_that_is_too_large_for_now_waits(side: Side) -> None:
    job_id = side.jobs.add()
    await side.greet()

    small = await side.server.poll(ask(5.0, max_input=9))
    offer = await side.offered()

    assert (small.offer, offer.job_id) == (None, job_id)


async def test_an_input_that_is_too_large_for_now_is_not_asked_about_again_and_again(
    side: Side,
) -> None:
    side.jobs.add()
    await side.greet()
    await side.server.poll(ask(5.0, max_input=9))
    before = side.jobs.calls.count("status")

    await side.server.poll(ask(600.0, max_input=9))

    assert side.jobs.calls.count("status") - before <= 20


async def test_a_job_that_the_server_gives_twice_is_worked_on_once(side: Side) -> None:
    job_id = side.jobs.add()
    await side.greet()
    await side.server.fail((await side.offered()).lease_id, FailureCode.WORKER_CRASHED, "", "")
    again = await side.offered(100.0)
    # It was killed between writing the job down as given out and forgetting that it waits.
    side.jobs.states[job_id] = JobStatus.PENDING

    found = await side.server.poll(ask(5.0))

    assert found.offer is None
    assert side.claims.notes[job_id].failures == again.attempt - 1 == 1


async def test_a_refused_word_about_one_job_does_not_end_the_polls(side: Side) -> None:
    side.jobs.add()
    side.jobs.size = Bytes(LARGEST + 1)
    side.jobs.errors = {"send": deque([RequestRefusedError("422")])}
    await side.greet()

    assert (await side.server.poll(ask(5.0))).offer is None


async def test_hello_says_what_is_wrong_where_no_such_server_answers(side: Side) -> None:
    side.jobs.errors = {"status": deque([ServerUnavailableError("no remote jobs here")])}

    with pytest.raises(ServerUnavailableError, match="no remote jobs here"):
        await side.greet()


@pytest.mark.parametrize(
    ("status", "reason"),
    [
        (JobStatus.COMPLETED, LostReason.COMPLETED),
        (JobStatus.CANCELLED, LostReason.CANCELLED),
        (JobStatus.FAILED, LostReason.CANCELLED),
    ],
)
async def test_a_job_that_ends_elsewhere_is_noticed_within_a_minute(
    side: Side, status: JobStatus, reason: LostReason
) -> None:
    job_id = side.jobs.add()
    await side.greet()
    offer = await side.offered()
    await side.server.renew(offer.lease_id, report())
    side.jobs.states[job_id] = status
    await asyncio.sleep(60.0)

    with pytest.raises(LeaseLostError) as lost:
        await side.server.renew(offer.lease_id, report())

    assert lost.value.reason is reason
    assert side.claims.notes == {}


@pytest.mark.parametrize("status", [JobStatus.PROCESSING, JobStatus.TIMEOUT])
async def test_a_job_that_took_too_long_for_the_server_is_worked_on(
    side: Side, status: JobStatus
) -> None:
    job_id = side.jobs.add()
    await side.greet()
    offer = await side.offered()
    side.jobs.states[job_id] = status
    await asyncio.sleep(61.0)

    await side.server.renew(offer.lease_id, report())


async def test_news_of_the_jobs_progress_cost_no_request(side: Side) -> None:
    side.jobs.add()
    await side.greet()
    offer = await side.offered()
    before = len(side.jobs.calls)
    for _ in range(50):
        await side.server.renew(offer.lease_id, report())
        await asyncio.sleep(1.0)

    assert len(side.jobs.calls) == before


async def test_a_job_that_uploads_is_not_asked_about_by_renewals(side: Side) -> None:
    side.jobs.add()
    await side.greet()
    offer = await side.offered()
    await side.server.renew(offer.lease_id, report())
    before = len(side.jobs.calls)
    await asyncio.sleep(120.0)

    await side.server.renew(offer.lease_id, report(Stage.UPLOADING))

    assert len(side.jobs.calls) == before


async def test_a_lease_that_we_never_gave_is_none(side: Side) -> None:
    await side.greet()

    with pytest.raises(LeaseLostError):
        await side.server.renew((await _a_lease(side))[:-1], report())  # type: ignore[arg-type]


async def _a_lease(side: Side) -> str:
    side.jobs.add("other")
    return (await side.offered()).lease_id


async def test_types_that_the_box_does_not_take_are_not_asked_for(
    side: Side, clock: LoopClock
) -> None:
    side.jobs.add("j1", "audio")
    await side.greet()

    assert (await side.server.poll(ask(5.0))).offer is None
    assert side.jobs.states[JobId("j1")] is JobStatus.PENDING
    assert clock.now() == 5.0


async def test_a_job_of_a_type_that_the_box_does_no_more_is_told_of_at_the_start(
    side: Side,
) -> None:
    side.claims.notes[JobId("j1")] = Claim(
        job_id=JobId("j1"), url="/j1/download", content_type="audio", options={}
    )

    with capture_logs() as lines:
        await side.greet()

    assert [(line["event"], line["job_id"]) for line in lines] == [("claim.waits", "j1")]
    assert "does no audio any more" in lines[0]["reason"]


async def test_a_box_that_holds_two_jobs_which_it_cannot_do_now_takes_no_third(side: Side) -> None:
    jobs = [side.jobs.add(f"j{n}") for n in range(4)]
    await side.greet()

    for _ in range(10):
        await side.server.poll(ask(25.0, max_input=9))
    found = await side.server.poll(ask(25.0, max_input=9))

    assert found.skipped == {"held that this box cannot do now": 2}
    assert [side.jobs.states[job] for job in jobs] == [JobStatus.PROCESSING] * 2 + [
        JobStatus.PENDING
    ] * 2
    assert (await side.offered(60.0)).job_id == jobs[0]


async def test_jobs_of_a_type_that_is_taken_no_more_keep_no_others_away(side: Side) -> None:
    for name in ("old1", "old2"):
        side.claims.notes[JobId(name)] = Claim(
            job_id=JobId(name), url="/x", content_type="video", options={}
        )
    job_id = side.jobs.add()
    await side.greet()

    assert (await side.offered()).job_id == job_id
