import asyncio
from collections import deque
from collections.abc import Callable
from dataclasses import replace

import pytest

from agent.model.errors import NewerBootError, RequestRefusedError
from agent.model.failures import FailureCode
from agent.model.ids import JobId, Seconds
from agent.model.lease import Directive
from agent.ports import Introduction
from agent.runtime.agent import Agent, LeaveNowError
from tests.fakes.ledger import Spell
from tests.fakes.pool import HANGS, Plan
from tests.fakes.server import FakeServer
from tests.fakes.spool import FakeSpool
from tests.runtime.conftest import Lines
from tests.runtime.world import CONTENT, DAY, HOUR, WHO, World, working
from tests.virtual_time import LoopClock

J1, J2 = JobId("j1"), JobId("j2")
CONTAINER_PATIENCE = 10.0
"""Seconds from SIGTERM to SIGKILL."""
UPLOAD = frozenset({"upload"})


def at(when: float, change: Callable[[], object]) -> None:
    asyncio.get_running_loop().call_at(when, change)


async def run(world: World, **signals: list[float] | float) -> None:
    """Run to the end; `terminate` and `interrupt` say when those signals come."""
    agent = world.agent()
    send: dict[str, Callable[[], None]] = {
        "terminate": agent.on_terminate,
        "interrupt": agent.on_interrupt,
    }
    for name, times in signals.items():
        for when in times if isinstance(times, list) else [times]:
            at(when, send[name])
    await agent.run()


def boot_number(boot_seq: int) -> Introduction:
    return replace(WHO, boot_seq=boot_seq)


# The beginning.


async def test_an_agent_says_hello_before_it_asks_for_work(world: World) -> None:
    await run(world, terminate=1.0)

    assert [call.name for call in world.server.calls] == ["hello", "poll", "sign_off"]


async def test_a_server_that_is_down_at_the_start_is_waited_for(world: World) -> None:
    world.server.outages = [Spell(0.0, HOUR)]
    job = world.add()

    async with working(world):
        await world.sleep_until(HOUR + 90.0)

    assert job.state == "completed"


async def test_a_hello_that_is_called_wrong_ends_the_agent(world: World) -> None:
    world.server.errors = {"hello": deque([RequestRefusedError("422: capability")])}

    with pytest.raises(ExceptionGroup) as refused:
        await run(world)

    assert refused.group_contains(RequestRefusedError)


async def test_a_new_spool_adopts_the_boot_number_of_the_server(world: World) -> None:
    world.server.introduce("attic", "boot-0", boot_number(8))
    job = world.add()

    await run(world, terminate=20.0)

    assert world.spool.adopted == [9]
    assert job.state == "completed"


async def test_a_forgotten_agent_goes_on_as_if_nothing_had_happened(world: World) -> None:
    world.server.forgets_at = deque([30.0, 100.0])
    job = world.add(plan=Plan(takes=Seconds(120.0)))

    await run(world, terminate=200.0)

    assert job.state == "completed"
    assert job.attempts == 1


# At work.


async def test_two_slots_compute_two_jobs_at_a_time(world: World) -> None:
    world.set_policy(slots=2)
    for name in ("j1", "j2", "j3", "j4"):
        world.add(name, plan=Plan(takes=Seconds(30.0)))

    await run(world, terminate=100.0)

    assert world.pool.most_running == 2
    assert {job.state for job in world.server.jobs.values()} == {"completed"}


async def test_one_slot_never_computes_two_jobs(world: World) -> None:
    for name in ("j1", "j2", "j3"):
        world.add(name)

    await run(world, terminate=100.0)

    assert world.pool.most_running == 1
    assert {job.state for job in world.server.jobs.values()} == {"completed"}


async def test_the_next_input_is_fetched_while_the_slot_computes(world: World) -> None:
    world.source.bytes_per_s = len(CONTENT) / 5.0
    world.source.chunk = 100
    for name in ("j1", "j2"):
        world.add(name, plan=Plan(takes=Seconds(60.0)))

    await run(world, terminate=200.0)

    (first,), (second,) = world.pool.started_at.values()
    fetched_from = world.source.requests[1].at
    assert first - 0.1 < fetched_from + 5.0 < first + 60.0
    assert second == pytest.approx(first + 60.0)


async def test_the_next_job_computes_while_a_result_is_uploaded(world: World) -> None:
    world.server.outages = [Spell(0.0, 300.0, UPLOAD)]
    for name in ("j1", "j2"):
        world.add(name)

    await run(world, terminate=900.0)

    assert world.pool.started_at[J2] == [10.0]
    assert {job.state for job in world.server.jobs.values()} == {"completed"}


async def test_a_bug_in_one_job_leaves_the_others_alone(world: World) -> None:
    world.set_policy(slots=2)
    broken = world.add("j1", plan=Plan(breaks=ZeroDivisionError("oops")))
    other = world.add("j2", plan=Plan(takes=Seconds(30.0)))

    await run(world, terminate=40.0)

    assert broken.failures == [FailureCode.INTERNAL]
    assert other.state == "completed"


@pytest.mark.parametrize("call", ["renew", "fail"])
async def test_a_wrong_call_about_one_job_leaves_the_others_alone(world: World, call: str) -> None:
    world.set_policy(slots=3)
    world.add("j1", plan=Plan(breaks=ZeroDivisionError("oops")))
    for name in ("j2", "j3"):
        world.add(name, plan=Plan(takes=Seconds(30.0)))
    at(9.0, lambda: world.server.errors.update({call: deque([RequestRefusedError("422")])}))

    await run(world, terminate=31.0)

    assert "completed" in [job.state for job in world.server.jobs.values()]
    assert world.server.times("sign_off") == [31.0]


async def test_a_later_boot_stops_everything_at_once_and_silently(world: World) -> None:
    job = world.add(plan=HANGS)
    at(30.0, lambda: world.server.introduce("attic", "boot-2", boot_number(2)))

    with pytest.raises(ExceptionGroup) as stopped:
        await run(world)

    assert stopped.group_contains(NewerBootError)
    assert [job_id for _, job_id in world.pool.killed] == [J1]
    assert (job.failures, job.said) == ([], [])
    assert world.server.times("sign_off") == []
    assert world.clock.now() <= 60.0
    # It is for the next start to ask what became of the job.
    assert [folder.is_open for folder in world.spool.folders.values()] == [False, False]


async def test_every_job_is_shown_until_it_ends(world: World) -> None:
    world.add("j1")
    world.add("j2")

    await run(world, terminate=30.0)

    assert world.display.ended == [J1, J2]


# SIGTERM.


async def test_sigterm_ends_an_idle_agent_at_once(world: World, clock: LoopClock) -> None:
    await run(world, terminate=5.0)

    assert world.server.times("sign_off") == [5.0]
    assert clock.now() == 5.0


async def test_sigterm_lets_finish_what_can_within_the_grace(
    world: World, clock: LoopClock
) -> None:
    job = world.add(plan=Plan(takes=Seconds(10.0)))

    await run(world, terminate=4.0)

    assert job.state == "completed"
    assert clock.now() == 10.0
    assert world.server.kept == []


async def test_sigterm_hands_back_what_does_not_finish_within_the_grace(
    world: World, clock: LoopClock
) -> None:
    job = world.add(plan=HANGS)

    await run(world, terminate=4.0)

    assert world.pool.killed == [(12.0, J1)]
    assert (job.state, job.releases) == ("queued", [12.0])
    assert job.said == ["the agent is stopping: the stop grace is over"]
    assert clock.now() == 12.0


async def test_sigterm_hands_back_at_once_what_does_not_compute_yet(world: World) -> None:
    computing = world.add("j1", plan=HANGS)
    ahead = world.add("j2")

    await run(world, terminate=4.0)

    assert ahead.releases == [4.0]
    assert computing.releases == [12.0]


async def test_sigterm_stops_a_download_at_once(world: World, clock: LoopClock) -> None:
    world.source.bytes_per_s = len(CONTENT) / 50.0
    world.source.chunk = 10
    job = world.add()

    await run(world, terminate=4.0)

    assert job.releases == [4.0]
    assert clock.now() == 4.0


async def test_sigterm_takes_nothing_new(world: World) -> None:
    world.add("j1", plan=Plan(takes=Seconds(10.0)))
    agent = world.agent()
    at(4.0, agent.on_terminate)
    at(4.5, lambda: world.add("late"))

    await agent.run()

    assert world.server.jobs[JobId("late")].state == "queued"


async def test_a_second_sigterm_does_not_lengthen_the_grace(world: World, clock: LoopClock) -> None:
    world.add(plan=HANGS)

    await run(world, terminate=[4.0, 10.0])

    assert clock.now() == 12.0


async def test_sigint_during_the_grace_ends_it(world: World, clock: LoopClock) -> None:
    world.add(plan=HANGS)

    await run(world, terminate=4.0, interrupt=6.0)

    assert clock.now() == 6.0


async def test_sigterm_after_sigint_puts_an_end_to_the_drain(
    world: World, clock: LoopClock
) -> None:
    job = world.add(plan=HANGS)

    await run(world, interrupt=4.0, terminate=100.0)

    assert clock.now() == 108.0
    assert job.releases == [108.0]


@pytest.mark.parametrize("trouble", ["down", "hanging", "refusing"])
async def test_a_container_never_has_to_kill_us(
    world: World, clock: LoopClock, trouble: str
) -> None:
    spell = Spell(10.0)
    world.server.outages = [spell] if trouble == "down" else []
    world.server.hangs = [spell] if trouble == "hanging" else []
    world.server.token_refused = [spell] if trouble == "refusing" else []
    world.set_policy(slots=2)
    world.add("computing", plan=Plan(takes=HANGS.takes, dies_in=Seconds(0.2)))
    world.add("finished", plan=Plan(takes=Seconds(15.0)))
    world.add("fetched")

    await run(world, terminate=20.0)

    assert clock.now() < 20.0 + CONTAINER_PATIENCE


async def test_a_finished_result_is_kept_and_never_released(world: World) -> None:
    world.server.outages = [Spell(5.0, DAY, UPLOAD)]
    job = world.add()

    await run(world, terminate=12.0)

    assert world.server.kept == ["lease-1"]
    assert (job.state, job.releases) == ("leased", [])


async def test_a_result_that_was_delivered_is_not_kept(world: World) -> None:
    world.add()

    await run(world, terminate=12.0)

    assert world.server.kept == []


async def test_what_was_not_heard_to_be_released_is_released_by_the_sign_off(
    world: World,
) -> None:
    world.server.outages = [Spell(5.0, DAY, frozenset({"release"}))]
    job = world.add(plan=HANGS)

    await run(world, terminate=12.0)

    assert (job.releases, job.state) == ([], "queued")
    assert world.server.times("sign_off") == [pytest.approx(20.8)]


async def test_signing_off_may_fail_without_noise(world: World) -> None:
    world.server.errors = {"sign_off": deque([NewerBootError("newer", boot_seq=2)])}

    await run(world, terminate=5.0)

    assert world.server.times("sign_off") == [5.0]


async def test_a_sign_off_that_nobody_is_in_a_hurry_for_may_take_a_moment(world: World) -> None:
    world.server.hangs = [Spell(calls=frozenset({"sign_off"}))]

    await run(world, interrupt=5.0)

    assert world.clock.now() == 8.0


# SIGINT.


async def test_sigint_drains_without_a_limit(world: World) -> None:
    held = world.add("j1", plan=Plan(takes=Seconds(HOUR)))
    ahead = world.add("j2", plan=Plan(takes=Seconds(HOUR)))
    late = world.add("j3")

    await run(world, interrupt=10.0)

    assert (held.state, ahead.state, late.state) == ("completed", "completed", "queued")
    assert world.server.times("sign_off") == [2 * HOUR]


async def test_sigint_waits_for_uploads_that_take_days(world: World) -> None:
    world.server.outages = [Spell(5.0, 3 * DAY, UPLOAD)]
    job = world.add()

    await run(world, interrupt=20.0)

    assert job.state == "completed"


async def test_a_second_sigint_hands_everything_back(world: World, clock: LoopClock) -> None:
    held = world.add("j1", plan=HANGS)
    ahead = world.add("j2")

    await run(world, interrupt=[10.0, 20.0])

    assert (held.releases, ahead.releases) == ([20.0], [20.0])
    assert held.said == ["the agent is stopping: interrupted twice"]
    assert world.server.times("sign_off") == [20.0]
    assert clock.now() == 20.0


async def test_a_second_sigint_keeps_a_finished_result(world: World) -> None:
    world.server.outages = [Spell(5.0, DAY, UPLOAD)]
    job = world.add()

    await run(world, interrupt=[20.0, 30.0])

    assert world.server.kept == ["lease-1"]
    assert job.releases == []


async def test_a_third_sigint_leaves_without_a_word(world: World, clock: LoopClock) -> None:
    world.server.hangs = [Spell(15.0)]
    world.add(plan=HANGS)

    with pytest.raises(ExceptionGroup) as left:
        await run(world, interrupt=[10.0, 20.0, 20.5])

    assert left.group_contains(LeaveNowError)
    assert clock.now() == 20.5
    assert world.server.times("sign_off") == []
    assert world.pool.killed == [(20.0, J1)]


async def test_a_third_sigint_does_not_wait_for_the_sign_off(
    world: World, clock: LoopClock
) -> None:
    world.server.hangs = [Spell(15.0)]

    with pytest.raises(ExceptionGroup) as left:
        await run(world, interrupt=[20.0, 20.1, 20.2])

    assert left.group_contains(LeaveNowError)
    assert clock.now() == 20.2


@pytest.mark.parametrize("trouble", ["down", "hanging"])
@pytest.mark.parametrize("name", ["terminate", "interrupt"])
async def test_a_signal_during_the_first_hello_ends_the_agent_at_once(
    world: World, clock: LoopClock, trouble: str, name: str
) -> None:
    world.server.outages = [Spell()] if trouble == "down" else []
    world.server.hangs = [Spell()] if trouble == "hanging" else []

    await run(world, **{name: 5.5})

    assert clock.now() == 5.5
    assert {call.name for call in world.server.calls} == {"hello"}


async def test_a_signal_before_the_start_is_not_forgotten(world: World) -> None:
    agent: Agent = world.agent()
    agent.on_interrupt()

    await agent.run()

    assert world.server.times("poll") == []


async def test_the_end_says_why_and_how_much_was_done(world: World, lines: Lines) -> None:
    world.add()

    await run(world, terminate=20.0)

    stopped = [line for line in lines if line["event"] == "agent.stopped"]
    assert [(line["reason"], line["jobs_taken"]) for line in stopped] == [("terminated", 1)]


async def test_a_stop_of_the_server_outranks_a_drain_of_ours(
    world: World, clock: LoopClock
) -> None:
    world.server.directives = [(100.0, Directive.STOP, None)]
    job = world.add(plan=HANGS)

    await run(world, interrupt=10.0)

    # A draining agent polls no more: it hears of it with a renewal.
    assert job.said == ["the agent is stopping: the server asked us to stop"]
    assert clock.now() <= 130.0


async def test_a_restarted_agent_takes_the_place_of_the_dead_one(clock: LoopClock) -> None:
    server = FakeServer(clock)
    first = World(clock, server)
    job = first.add(plan=HANGS)
    async with working(first):
        await first.sleep_until(20.0)

    second = World(clock, server, boot="boot-2", spool=FakeSpool(boot_seq=2))
    second.source.files.update(first.source.files)
    await run(second, terminate=40.0)

    assert job.state == "completed"
    assert [lease for lease, _ in job.results] == ["lease-2"]
