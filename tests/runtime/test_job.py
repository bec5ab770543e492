import asyncio
from collections import deque
from collections.abc import Callable
from dataclasses import replace
from itertools import pairwise

import pytest

from agent.model.errors import (
    InputUnavailableError,
    LeaseLostError,
    NewerBootError,
    RequestRefusedError,
)
from agent.model.failures import FailureCode
from agent.model.ids import Bytes, JobId, Seconds
from agent.model.lease import Directive, LeaseState, LostReason, Stage
from agent.model.work import Failed
from agent.ports import Ask, Report
from agent.runtime.settlement import Ending
from tests.fakes.ledger import Spell
from tests.fakes.pool import CRASHES, HANGS, RESULTS, Plan
from tests.fakes.source import Cut, FakeFile, Refuse
from tests.runtime.conftest import Lines
from tests.runtime.world import CONTENT, DAY, HOUR, MINUTE, WHO, World
from tests.virtual_time import LoopClock

J1 = JobId("j1")
ASK = Ask(request_id="r2", wait=Seconds(9.0), free_slots=1, prefetch=0, max_input=Bytes(1 << 30))
RENEW = frozenset({"renew"})


def at(when: float, change: Callable[[], object]) -> None:
    asyncio.get_running_loop().call_at(when, change)


def slow_source(world: World, takes: float) -> None:
    """The input arrives evenly over so many seconds."""
    world.source.chunk = 1
    world.source.bytes_per_s = len(CONTENT) / takes


async def others_take_the_job(world: World) -> None:
    """Somebody else is offered the job, and accepts it."""
    other = world.server.connect("cellar", "cellar-1")
    await other.hello(WHO)
    offer = (await other.poll(ASK)).offer
    assert offer is not None
    await other.renew(offer.lease_id, Report(Stage.DOWNLOADING, 0.0))


# The life of a job that nothing disturbs.


async def test_a_job_is_fetched_computed_and_delivered(world: World) -> None:
    job = world.add()

    ending = await (await world.hold()).run()

    assert ending is Ending.COMPLETED
    assert job.state == "completed"
    assert job.files == RESULTS


async def test_an_offer_is_accepted_before_a_byte_is_fetched(world: World) -> None:
    world.add()
    world.server.outages = [Spell(0.0, 5.0, RENEW)]

    await (await world.hold()).run()

    accepted_at = world.server.reports[0][0]
    assert accepted_at == 7.0
    assert world.source.requests[0].at == accepted_at


async def test_an_offer_that_runs_out_unaccepted_leaves_no_trace(world: World) -> None:
    world.add()
    world.server.outages = [Spell(end=60.0, calls=RENEW)]

    ending = await (await world.hold()).run()

    assert ending is Ending.LOST
    assert world.source.requests == []
    assert world.spool.folders == {}


async def test_renewals_run_beside_everything_and_end_with_complete(
    world: World, clock: LoopClock
) -> None:
    world.add(plan=Plan(takes=Seconds(120.0), results={"big.md": b"x" * 10000}))
    slow_source(world, takes=50.0)
    world.sink.bytes_per_s = 100.0

    await (await world.hold()).run()
    ended_at = clock.now()
    await world.sleep_until(ended_at + HOUR)

    renewed_at = world.server.times("renew")
    stages = [report.stage for _, _, report in world.server.reports]
    assert ended_at == pytest.approx(270.0)
    assert all(later - sooner <= 27.0 for sooner, later in pairwise([*renewed_at, ended_at]))
    assert renewed_at[-1] < ended_at
    assert list(dict.fromkeys(stages)) == [Stage.DOWNLOADING, Stage.PROCESSING, Stage.UPLOADING]


async def test_a_job_that_waits_for_a_slot_is_renewed_and_says_queued(world: World) -> None:
    world.add()
    await world.slots.acquire()
    at(100.0, world.slots.release)

    await (await world.hold()).run()

    stages = [(when, report.stage) for when, _, report in world.server.reports]
    assert stages[:5] == [
        (0.0, Stage.DOWNLOADING),
        (1.0, Stage.QUEUED),
        (28.0, Stage.QUEUED),
        (55.0, Stage.QUEUED),
        (82.0, Stage.QUEUED),
    ]
    assert world.pool.started_at[J1] == [100.0]


async def test_the_slot_is_free_again_once_the_job_is_computed(world: World) -> None:
    world.add()
    world.server.outages = [Spell(0.0, HOUR, frozenset({"upload"}))]
    job = asyncio.create_task((await world.hold()).run())

    await world.sleep_until(11.0)

    async with asyncio.timeout(0.1):
        await world.slots.acquire()
    await job


async def test_a_child_gets_the_checked_input_and_the_options(world: World) -> None:
    world.add(options={"language": "de"})

    await (await world.hold()).run()

    (task,) = world.pool.tasks
    assert (task.job_id, task.content_type, task.filename) == (J1, "audio", "j1.mp3")
    assert (task.input, task.output) == ("lease-1/input", "lease-1/results")
    assert (task.media_type, task.options) == ("audio/mpeg", {"language": "de"})


@pytest.mark.parametrize(
    ("told", "shown"), [("../../etc/passwd", "passwd"), ("/", "input"), ("", "input")]
)
async def test_a_filename_never_becomes_a_path(world: World, told: str, shown: str) -> None:
    job = world.add()
    job.offer = replace(job.offer, input=replace(job.offer.input, filename=told))

    await (await world.hold()).run()

    assert [task.filename for task in world.pool.tasks] == [shown]


async def test_complete_tells_how_long_everything_took(world: World) -> None:
    job = world.add(plan=Plan(takes=Seconds(60.0)))
    slow_source(world, takes=30.0)

    await (await world.hold()).run()

    ((_, result),) = job.results
    assert result.summary == {"words": 1}
    assert result.metrics == pytest.approx(
        {"download_s": 30.0, "queued_s": 0.0, "process_s": 60.0, "upload_s": 0.0}, abs=0.01
    )


async def test_progress_of_the_child_is_renewed_and_shown(world: World) -> None:
    world.add(plan=Plan(takes=Seconds(120.0)))

    await (await world.hold()).run()

    told = [report for _, _, report in world.server.reports]
    shown = [(title, report) for _, title, report in world.display.moves]
    half = next(report for report in told if report.message == "step 3 of 4")
    assert half.progress == 0.5
    assert ("j1.mp3", half) in shown
    assert world.display.ended == [J1]


async def test_directives_that_come_with_renewals_are_passed_on(world: World) -> None:
    world.add()
    world.server.directives = [(0.0, Directive.PAUSE, "night")]

    await (await world.hold()).run()

    assert (Directive.PAUSE, "night") in world.directives


# Contact is lost.


async def test_a_lease_that_ran_out_without_contact_is_computed_on_and_delivered_late(
    world: World,
) -> None:
    job = world.add(plan=Plan(takes=Seconds(HOUR)))
    world.server.outages = [Spell(10.0, 2 * HOUR)]

    ending = await (await world.hold()).run()

    assert ending is Ending.COMPLETED
    assert world.pool.killed == []
    assert job.results[0][0] == "lease-1"
    assert job.attempts == 1


async def test_a_late_delivery_revives_the_lease_before_somebody_accepts_it(
    world: World,
) -> None:
    job = world.add(plan=Plan(takes=Seconds(200.0)))
    world.server.outages = [Spell(10.0, 300.0)]
    held = asyncio.create_task((await world.hold()).run())
    await world.sleep_until(300.0)
    other = world.server.connect("cellar", "cellar-1")
    await other.hello(WHO)
    offer = (await other.poll(ASK)).offer

    ending = await held

    assert offer is not None
    assert ending is Ending.COMPLETED
    assert [lease for lease, _ in job.results] == ["lease-1"]


async def test_a_job_that_somebody_else_has_is_dropped_at_the_first_word_of_it(
    world: World,
) -> None:
    job = world.add(plan=HANGS)
    world.server.outages = [Spell(10.0, 200.0)]
    held = asyncio.create_task((await world.hold()).run())
    await world.sleep_until(200.0)
    await others_take_the_job(world)

    ending = await held

    assert ending is Ending.LOST
    # The next try after the outage is at most a renewal interval away.
    assert [job_id for _, job_id in world.pool.killed] == [J1]
    assert 200.0 < world.pool.killed[0][0] <= 230.0
    assert world.spool.folders == {}
    assert (job.failures, job.releases, job.results) == ([], [], [])


async def test_a_computed_result_that_comes_too_late_is_dropped(world: World) -> None:
    job = world.add(plan=Plan(takes=Seconds(150.0)))
    world.server.outages = [Spell(10.0, 200.0)]
    held = asyncio.create_task((await world.hold()).run())
    await world.sleep_until(200.0)
    await others_take_the_job(world)

    assert await held is Ending.LOST
    assert job.results == []


@pytest.mark.parametrize("call", ["renew", "complete"])
async def test_a_lease_that_was_lost_because_it_is_completed_is_a_success(
    world: World, call: str
) -> None:
    world.add(plan=Plan(takes=Seconds(20.0)))
    held = await world.hold()
    lost = LeaseLostError(LostReason.COMPLETED)
    at(10.0, lambda: world.server.errors.update({call: deque([lost])}))

    assert await held.run() is Ending.COMPLETED


async def test_a_lost_answer_to_complete_is_repeated_and_counts_once(world: World) -> None:
    job = world.add(plan=Plan(takes=Seconds(7.0)))
    world.server.lose_answers = {"complete": 1}
    world.server.outages = [Spell(6.5, 9.0, frozenset({"renew"}))]  # nor does a renewal tell

    ending = await (await world.hold()).run()

    assert ending is Ending.COMPLETED
    assert world.server.times("complete") == [7.0, 8.0]
    assert len(job.results) == 1


async def test_a_renewal_that_hears_of_the_completion_first_ends_the_job_well(
    world: World,
) -> None:
    job = world.add(plan=Plan(takes=Seconds(20.0)))
    world.server.lose_answers = {"complete": 99}

    ending = await (await world.hold()).run()

    assert ending is Ending.COMPLETED
    assert len(job.results) == 1


async def test_an_upload_that_fails_for_days_is_never_a_failed_job(
    world: World, clock: LoopClock
) -> None:
    job = world.add()
    world.server.outages = [Spell(10.0, 3 * DAY, frozenset({"upload", "complete"}))]

    ending = await (await world.hold()).run()

    assert ending is Ending.COMPLETED
    assert (job.failures, job.releases) == ([], [])
    assert 3 * DAY < clock.now() < 3 * DAY + 5 * MINUTE


async def test_a_token_that_is_refused_in_mid_delivery_throws_nothing_away(
    world: World,
) -> None:
    job = world.add()
    world.server.token_refused = [Spell(9.0, DAY)]

    ending = await (await world.hold()).run()

    assert ending is Ending.COMPLETED
    assert (job.failures, job.releases) == ([], [])
    assert len(world.server.times("renew")) < 2 * 24 * 4 + 20


async def test_an_agent_that_is_forgotten_in_mid_delivery_introduces_itself(
    world: World,
) -> None:
    job = world.add()
    held = await world.hold()
    world.server.forgets_at = deque([10.0])

    assert await held.run() is Ending.COMPLETED
    assert world.server.times("hello") == [0.0, 10.0]
    assert job.failures == []


# The server ends it.


@pytest.mark.parametrize("state", [LeaseState.CANCEL, LeaseState.CANCEL_NOW])
async def test_a_cancelled_job_is_killed_and_released(world: World, state: LeaseState) -> None:
    job = world.add(plan=HANGS)
    world.server.cancels = {J1: (40.0, state)}

    ending = await (await world.hold()).run()

    assert ending is Ending.RELEASED
    # The renewals come at 0, 1 (it computes), 28 and 55 s.
    assert world.pool.killed == [(55.0, J1)]
    assert (job.state, job.said) == ("cancelled", ["cancelled by its owner"])
    assert world.spool.folders == {}


async def test_a_finished_result_that_is_cancelled_is_released_not_delivered(
    world: World,
) -> None:
    job = world.add()
    world.server.outages = [Spell(10.0, HOUR, frozenset({"upload"}))]
    world.server.cancels = {J1: (20.0, LeaseState.CANCEL)}

    ending = await (await world.hold()).run()

    assert ending is Ending.RELEASED
    assert job.results == []


async def test_a_later_boot_stops_the_job_without_a_word(world: World) -> None:
    job = world.add(plan=HANGS)
    held = await world.hold()
    newer = NewerBootError("newer", boot_seq=2)
    at(20.0, lambda: world.server.errors.update(renew=deque([newer])))

    with pytest.raises(ExceptionGroup) as stopped:
        await held.run()

    assert stopped.group_contains(NewerBootError)
    assert world.pool.killed == [(28.0, J1)]
    assert (job.failures, job.releases) == ([], [])


async def test_a_later_boot_that_the_delivery_hears_of_stops_the_agent(world: World) -> None:
    world.add()
    world.server.errors = {"complete": deque([NewerBootError("newer", boot_seq=2)])}

    with pytest.raises(ExceptionGroup) as stopped:
        await (await world.hold()).run()

    assert stopped.group_contains(NewerBootError)


async def test_a_renewal_that_is_called_wrong_fails_the_job(world: World) -> None:
    job = world.add(plan=HANGS)
    held = await world.hold()
    wrong = RequestRefusedError("422: progress")
    at(20.0, lambda: world.server.errors.update(renew=deque([wrong])))

    assert await held.run() is Ending.FAILED
    assert job.failures == [FailureCode.INTERNAL]


# The job fails.


@pytest.mark.parametrize("code", [code for code in FailureCode if code != "worker_lost"])
async def test_a_failure_of_the_task_carries_its_code(world: World, code: FailureCode) -> None:
    job = world.add(plan=Plan(fails=Failed(code, "It cannot be done.", "line 7")))

    ending = await (await world.hold()).run()

    assert ending is Ending.FAILED
    assert job.failures == [code]
    assert job.said == ["It cannot be done.line 7"]


async def test_a_child_that_crashes_fails_the_job(world: World) -> None:
    job = world.add(plan=CRASHES)

    await (await world.hold()).run()

    assert job.failures == [FailureCode.WORKER_CRASHED]


async def test_an_input_that_cannot_be_had_fails_the_job(world: World) -> None:
    job = world.add()
    world.source.faults.append(Refuse(InputUnavailableError("the source answered 404")))

    await (await world.hold()).run()

    assert job.failures == [FailureCode.INPUT_UNAVAILABLE]


async def test_a_corrupt_input_never_reaches_a_child(world: World) -> None:
    job = world.add()
    world.source.files["/inputs/j1"] = FakeFile(b"x" * len(CONTENT))

    await (await world.hold()).run()

    assert job.failures == [FailureCode.INPUT_CORRUPT]
    assert world.pool.tasks == []


async def test_an_artifact_that_the_child_did_not_write_fails_the_job(world: World) -> None:
    job = world.add()
    world.spool.forgetful = True

    await (await world.hold()).run()

    assert job.failures == [FailureCode.INTERNAL]


async def test_a_task_that_takes_too_long_is_killed_and_fails(world: World) -> None:
    world.set_policy(task_timeout=Seconds(HOUR))
    job = world.add(plan=HANGS)

    await (await world.hold()).run()

    assert world.pool.killed == [(HOUR, J1)]
    assert job.failures == [FailureCode.TIMEOUT]


@pytest.mark.parametrize(("wanted", "given"), [(600.0, 600.0), (2 * HOUR, HOUR)])
async def test_a_job_may_shorten_its_time_but_not_lengthen_it(
    world: World, wanted: float, given: float
) -> None:
    world.set_policy(task_timeout=Seconds(HOUR))
    world.add(plan=HANGS, timeout=Seconds(wanted))

    await (await world.hold()).run()

    assert world.pool.killed == [(given, J1)]


async def test_waiting_for_a_slot_does_not_count_as_computing(world: World) -> None:
    world.set_policy(task_timeout=Seconds(60.0))
    world.add(plan=Plan(takes=Seconds(50.0)))
    await world.slots.acquire()
    at(100.0, world.slots.release)

    assert await (await world.hold()).run() is Ending.COMPLETED


async def test_a_bug_fails_the_job_as_internal(world: World, lines: Lines) -> None:
    job = world.add(plan=Plan(breaks=ZeroDivisionError("oops")))

    ending = await (await world.hold()).run()

    assert ending is Ending.FAILED
    assert job.failures == [FailureCode.INTERNAL]
    assert job.said == ["ZeroDivisionError: oops"]
    assert "job.broke" in [line["event"] for line in lines]


async def test_a_failure_is_repeated_until_it_is_heard_while_renewals_go_on(
    world: World,
) -> None:
    job = world.add(plan=CRASHES)
    world.server.outages = [Spell(10.0, HOUR, frozenset({"fail"}))]

    await (await world.hold()).run()

    assert job.failures == [FailureCode.WORKER_CRASHED]
    told_at = world.server.times("fail")
    assert told_at[:4] == [10.0, 11.0, 13.0, 17.0]
    assert max(later - sooner for sooner, later in pairwise(told_at)) == 300.0
    assert world.server.times("renew")[-1] > HOUR - 30.0
    assert job.attempts == 1


@pytest.mark.parametrize("call", ["fail", "release"])
async def test_a_report_that_the_server_calls_wrong_is_not_repeated(
    world: World, call: str, lines: Lines
) -> None:
    world.add(plan=CRASHES, transport="tus" if call == "fail" else "ftp")
    world.server.errors = {call: deque([RequestRefusedError("422: message")])}

    ending = await (await world.hold()).run()

    assert ending is (Ending.FAILED if call == "fail" else Ending.RELEASED)
    assert len(world.server.times(call)) == 1
    assert "report.refused" in [line["event"] for line in lines]


# The box is at fault.


async def test_a_full_disk_hands_the_job_back(world: World) -> None:
    world.spool.size = 100
    job = world.add()

    ending = await (await world.hold()).run()

    assert ending is Ending.RELEASED
    assert job.said[0].startswith("disk_full")
    assert job.failures == []


async def test_an_input_that_is_too_large_for_this_agent_is_handed_back(world: World) -> None:
    world.set_policy(max_input=Bytes(100))
    job = world.add()

    await (await world.hold()).run()

    assert job.said[0].startswith("too_large")
    assert job.failures == []


async def test_a_transport_that_we_do_not_know_is_handed_back_without_a_download(
    world: World,
) -> None:
    job = world.add(transport="carrier-pigeon")

    ending = await (await world.hold()).run()

    assert ending is Ending.RELEASED
    assert job.said[0].startswith("transport")
    assert world.source.requests == []


async def test_what_became_of_a_job_stands_when_its_folder_cannot_be_removed(
    world: World,
) -> None:
    world.spool.cannot_remove = True
    job = world.add(plan=CRASHES)

    ending = await (await world.hold()).run()

    assert ending is Ending.FAILED
    assert (job.failures, job.releases) == ([FailureCode.WORKER_CRASHED], [])


# We are leaving.


async def test_a_job_that_is_handed_back_is_killed_and_released(world: World) -> None:
    job = world.add(plan=HANGS)
    held = await world.hold()
    at(20.0, lambda: held.hand_back("we are leaving"))

    ending = await held.run()

    assert ending is Ending.RELEASED
    assert world.pool.killed == [(20.0, J1)]
    assert job.said == ["we are leaving"]


async def test_a_finished_result_is_kept_when_we_leave(world: World) -> None:
    job = world.add()
    world.server.outages = [Spell(10.0, HOUR, frozenset({"upload"}))]
    held = await world.hold()
    at(20.0, lambda: held.hand_back("we are leaving"))

    ending = await held.run()

    assert ending is Ending.KEPT
    assert (job.releases, job.failures, job.state) == ([], [], "leased")


async def test_a_release_that_nobody_hears_is_given_up_in_a_moment_when_we_leave(
    world: World, clock: LoopClock
) -> None:
    world.add(plan=HANGS)
    world.server.outages = [Spell(10.0, HOUR)]
    held = await world.hold()
    at(20.0, lambda: held.hand_back("we are leaving"))

    ending = await held.run()

    assert ending is Ending.UNHEARD
    assert clock.now() == pytest.approx(20.8)


# What is written down.


async def test_every_line_of_a_job_names_the_job_and_the_lease(world: World, lines: Lines) -> None:
    world.add(plan=CRASHES)
    world.server.outages = [Spell(20.0, 30.0), Spell(9.0, 15.0, frozenset({"fail"}))]
    world.source.faults.append(Cut(100))
    held = await world.hold()
    lines.clear()

    await held.run()

    events = {line["event"] for line in lines}
    assert {"offer.received", "lease.accepted", "input.interrupted", "job.failed"} <= events
    assert {(line.get("job_id"), line.get("lease_id")) for line in lines} == {("j1", "lease-1")}


async def test_options_are_never_written_down(world: World, lines: Lines) -> None:
    world.add("j1", options={"hf_token": "s3cret"}, plan=CRASHES)

    await (await world.hold()).run()

    assert "s3cret" not in repr(lines)
    assert "s3cret" not in repr(world.display.moves)


async def test_a_job_that_ends_says_how_and_how_long_it_took(world: World, lines: Lines) -> None:
    world.add()

    await (await world.hold()).run()

    ended = [line for line in lines if line["event"] == "job.ended"]
    assert [(line["ending"], line["process_s"]) for line in ended] == [("completed", 10.0)]


async def test_a_delivery_goes_on_as_soon_as_a_renewal_is_answered_again(world: World) -> None:
    job = world.add()
    world.server.outages = [Spell(5.0, HOUR)]

    await (await world.hold()).run()

    # The renewals come every half minute; the pauses of a delivery are ten times as long by then.
    assert job.state == "completed"
    assert world.clock.now() <= HOUR + 31.0
