import asyncio
from collections import deque
from collections.abc import Sequence
from dataclasses import replace
from itertools import pairwise

import pytest

from agent.model.errors import CredentialsRefusedError, ServerUnavailableError
from agent.model.ids import Bytes, Instant, JobId, Seconds
from agent.model.lease import Directive
from agent.model.restraint import Restraint, Rung
from agent.runtime.agent import Agent
from tests.fakes.ledger import Spell
from tests.fakes.pool import HANGS, Plan
from tests.runtime.conftest import Lines
from tests.runtime.world import HOUR, World, working

POLL = frozenset({"poll"})
J1, J2, J3 = JobId("j1"), JobId("j2"), JobId("j3")


async def work_until(world: World, when: float) -> None:
    async with working(world):
        await world.sleep_until(when)


def places(world: World) -> list[tuple[int, int]]:
    """What was asked for: free slots, and places behind them."""
    return [(ask.free_slots, ask.prefetch) for ask in world.server.asks]


def steps(world: World) -> list[tuple[int, int]]:
    """The same, without what was asked for again."""
    return [*dict.fromkeys(places(world))]


def reasons(lines: Lines) -> list[str]:
    return [line["reason"] for line in lines if line["event"] == "agent.idle"]


def gaps(times: Sequence[float]) -> list[float]:
    return [later - sooner for sooner, later in pairwise(times)]


async def test_an_idle_agent_polls_again_as_soon_as_the_long_poll_ends(world: World) -> None:
    await work_until(world, 80.0)

    assert world.server.times("poll") == [0.0, 25.0, 50.0, 75.0]
    assert {ask.wait for ask in world.server.asks} == {25.0}


async def test_every_poll_has_an_id_of_its_own(world: World) -> None:
    await work_until(world, 80.0)

    assert len({ask.request_id for ask in world.server.asks}) == 4


async def test_a_poll_that_is_repeated_keeps_its_id(world: World) -> None:
    world.server.lose_answers = {"poll": 1}

    await work_until(world, 27.0)

    assert len(world.server.asks) == 2
    assert len({ask.request_id for ask in world.server.asks}) == 1


async def test_there_is_never_more_than_one_poll_outstanding(world: World) -> None:
    world.set_policy(slots=2)
    for number in range(12):
        world.add(f"j{number}", plan=Plan(takes=Seconds(3.0 + number % 5)))

    await work_until(world, 200.0)

    assert world.server.most_open_polls == 1
    assert all(job.state == "completed" for job in world.server.jobs.values())


async def test_taking_and_ending_a_job_supersede_the_poll(world: World) -> None:
    world.add(plan=Plan(takes=Seconds(60.0)))

    await work_until(world, 61.0)

    assert list(zip(world.server.times("poll"), places(world), strict=True)) == [
        (0.0, (1, 0)),
        (0.0, (0, 1)),
        (25.0, (0, 1)),
        (50.0, (0, 1)),
        (60.0, (1, 0)),
    ]


async def test_one_job_is_fetched_ahead_but_only_while_the_slots_are_busy(
    world: World,
) -> None:
    for name in ("j1", "j2", "j3"):
        world.add(name, plan=HANGS)

    await work_until(world, 30.0)

    assert steps(world) == [(1, 0), (0, 1), (0, 0)]
    assert world.server.jobs[J2].state == "leased"
    assert world.server.jobs[J3].state == "queued"


async def test_with_two_slots_two_jobs_are_asked_for_and_one_ahead(world: World) -> None:
    world.set_policy(slots=2)
    for name in ("j1", "j2", "j3", "j4"):
        world.add(name, plan=HANGS)

    await work_until(world, 30.0)

    assert steps(world) == [(2, 0), (1, 0), (0, 1), (0, 0)]


async def test_an_agent_that_is_full_still_beats(world: World) -> None:
    for name in ("j1", "j2"):
        world.add(name, plan=HANGS)

    await work_until(world, 80.0)

    assert world.server.times("poll")[-4:] == [0.0, 25.0, 50.0, 75.0]
    assert places(world)[-4:] == [(0, 0)] * 4


async def test_inputs_are_asked_for_up_to_what_the_disk_takes(world: World) -> None:
    world.set_policy(max_input=Bytes(10_000), disk_reserve=Bytes(500))
    world.spool.size = 10_500

    await work_until(world, 1.0)

    assert [ask.max_input for ask in world.server.asks] == [5_000]


# Directives.


async def test_a_paused_agent_asks_for_nothing_and_still_beats(world: World) -> None:
    world.server.directives = [(0.0, Directive.PAUSE, "the owner plays")]
    world.add()

    await work_until(world, 100.0)

    # The job that came with the word itself is taken: only what follows is paused.
    assert places(world)[1:] == [(0, 0)] * (len(world.server.asks) - 1)
    assert world.server.times("poll")[-3:] == [25.0, 50.0, 75.0]


async def test_continue_ends_a_pause_at_once(world: World) -> None:
    world.server.directives = [
        (10.0, Directive.PAUSE, None),
        (100.0, Directive.CONTINUE, None),
    ]
    async with working(world):
        await world.sleep_until(20.0)
        job = world.add()
        await world.sleep_until(99.0)
        paused = job.state
        await world.sleep_until(111.0)

    assert paused == "queued"
    assert job.state == "completed"


async def test_held_jobs_finish_while_paused(world: World) -> None:
    world.server.directives = [(5.0, Directive.PAUSE, None)]
    job = world.add(plan=Plan(takes=Seconds(60.0)))

    await work_until(world, 61.0)

    assert job.state == "completed"


async def test_a_pause_may_come_with_a_renewal(world: World) -> None:
    world.server.directives = [(5.0, Directive.PAUSE, None)]
    world.server.outages = [Spell(4.0, 40.0, POLL)]
    world.add(plan=HANGS)

    await work_until(world, 70.0)

    assert world.server.times("poll")[-1] == 68.0
    assert places(world)[-1] == (0, 0)


@pytest.mark.parametrize("poll_is_down", [False, True])
async def test_drain_finishes_what_is_held_and_takes_nothing_new(
    world: World, poll_is_down: bool
) -> None:
    world.server.directives = [(5.0, Directive.DRAIN, "new version")]
    world.server.outages = [Spell(4.0, HOUR, POLL)] if poll_is_down else []
    held = world.add("j1", plan=Plan(takes=Seconds(100.0)))
    ahead = world.add("j2", plan=Plan(takes=Seconds(100.0)))
    late = world.add("j3")

    await world.agent().run()

    assert (held.state, ahead.state, late.state) == ("completed", "completed", "queued")
    assert world.server.times("sign_off") == [200.0]


@pytest.mark.parametrize("poll_is_down", [False, True])
async def test_stop_hands_everything_back(world: World, poll_is_down: bool) -> None:
    world.server.directives = [(0.5, Directive.STOP, "moving house")]
    world.server.outages = [Spell(0.2, HOUR, POLL)] if poll_is_down else []
    job = world.add(plan=HANGS)

    await world.agent().run()

    assert job.said == ["the agent is stopping: moving house"]
    assert world.server.times("sign_off") == job.releases
    assert job.releases[0] <= 6.0


# Nothing comes of it.


async def test_an_empty_answer_that_comes_at_once_is_followed_by_a_rest(world: World) -> None:
    world.server.is_eager = True

    await work_until(world, 4.5)

    assert world.server.times("poll") == [0.0, 1.0, 2.0, 3.0, 4.0]


async def test_an_offer_that_is_held_already_is_ignored_and_followed_by_a_rest(
    world: World,
) -> None:
    world.server.is_eager = True
    world.add(plan=HANGS)

    await work_until(world, 4.5)

    assert world.server.times("poll") == [0.0, 0.0, 1.0, 2.0, 3.0, 4.0]
    assert len(world.pool.tasks) == 1


async def test_a_rest_ends_when_a_job_does(world: World) -> None:
    world.server.is_eager = True
    world.add(plan=Plan(takes=Seconds(2.5)))

    await work_until(world, 2.9)

    # Once when the result is there, once when it is delivered.
    assert world.server.times("poll") == [0.0, 0.0, 1.0, 2.0, 2.5, 2.5]


async def test_an_outage_is_outlived_with_growing_pauses(world: World) -> None:
    world.server.outages = [Spell(10.0, 300.0, POLL)]

    await work_until(world, 400.0)

    assert gaps(world.server.times("poll"))[:9] == [
        26.0,
        2.0,
        4.0,
        8.0,
        16.0,
        32.0,
        60.0,
        60.0,
        60.0,
    ]


async def test_pauses_begin_again_at_a_second_after_an_answer(world: World) -> None:
    world.server.errors = {"poll": deque([ServerUnavailableError("down")] * 5)}
    async with working(world):
        await world.sleep_until(35.0)
        world.server.errors = {"poll": deque([ServerUnavailableError("down")] * 2)}
        await world.sleep_until(60.0)

    assert world.server.times("poll") == [0.0, 1.0, 3.0, 7.0, 15.0, 31.0, 56.0, 57.0, 59.0]


async def test_retry_after_is_honoured_for_a_quarter_of_an_hour(world: World) -> None:
    slow_down = ServerUnavailableError("slow down", retry_after=Seconds(900.0))
    world.server.errors = {"poll": deque([slow_down])}

    await work_until(world, 901.0)

    assert world.server.times("poll") == [0.0, 900.0]


async def test_a_refused_token_is_tried_more_and_more_rarely(world: World, lines: Lines) -> None:
    world.server.errors = {"poll": deque([CredentialsRefusedError("unknown token")] * 7)}

    await work_until(world, HOUR)

    assert gaps(world.server.times("poll"))[:7] == [30, 60, 120, 240, 480, 900, 900]
    told = [line["reason"] for line in lines if line["event"] == "poll.postponed"]
    assert told == ["unknown token"] * 7


async def test_an_end_of_a_job_interrupts_the_pause_after_an_error(world: World) -> None:
    world.server.outages = [Spell(1.0, 90.0, POLL)]
    world.add(plan=Plan(takes=Seconds(100.0)))

    await work_until(world, 101.0)

    assert world.server.times("poll")[-1] == 100.0


# Why nothing is done.


async def test_a_full_disk_only_beats_and_says_so_once(world: World, lines: Lines) -> None:
    world.spool.size = 1000
    job = world.add()

    await work_until(world, 80.0)

    assert places(world) == [(0, 0)] * 4
    assert {ask.max_input for ask in world.server.asks} == {0}
    assert job.state == "queued"
    assert len(reasons(lines)) == 1
    assert "disk" in reasons(lines)[0]


async def test_why_an_agent_is_idle_is_said_once_for_each_change(
    world: World, lines: Lines
) -> None:
    async with working(world):
        await world.sleep_until(60.0)
        world.server.skipped = {"failed_here": 1, "content_type": 3}
        await world.sleep_until(120.0)
        world.server.skipped = {}
        await world.sleep_until(200.0)

    assert reasons(lines) == [
        "no job is waiting",
        "the waiting jobs are not for us: 3 content_type, 1 failed_here",
        "no job is waiting",
    ]


async def test_a_busy_agent_is_not_called_idle(world: World, lines: Lines) -> None:
    world.add(plan=HANGS)

    await work_until(world, 80.0)

    assert reasons(lines) == []


async def test_idleness_is_said_again_after_a_job(world: World, lines: Lines) -> None:
    async with working(world):
        await world.sleep_until(30.0)
        world.add()
        await world.sleep_until(80.0)

    assert reasons(lines) == ["no job is waiting"] * 2


async def test_a_paused_agent_says_who_paused_it(world: World, lines: Lines) -> None:
    world.server.directives = [(30.0, Directive.PAUSE, "the owner plays")]

    await work_until(world, 80.0)

    assert reasons(lines)[-1] == "paused by the server: the owner plays"


# Enough.


async def test_an_agent_takes_no_more_jobs_than_its_owner_wants(world: World) -> None:
    world.set_policy(max_jobs=2)
    jobs = [world.add(name) for name in ("j1", "j2", "j3")]

    await world.agent().run()

    assert [job.state for job in jobs] == ["completed", "completed", "queued"]
    assert world.server.times("sign_off") == [20.0]


async def test_an_agent_with_one_job_left_asks_for_no_second(world: World) -> None:
    world.set_policy(max_jobs=1)
    world.add()
    world.add("j2")

    await world.agent().run()

    assert places(world) == [(1, 0), (0, 0)]


async def test_an_idle_agent_leaves_when_its_owner_wants_that(world: World) -> None:
    world.set_policy(exit_when_idle=Seconds(60.0))

    await world.agent().run()

    assert world.server.times("sign_off") == [60.0]
    assert [ask.wait for ask in world.server.asks] == [25.0, 25.0, 10.0]


async def test_idleness_counts_from_the_last_job(world: World) -> None:
    world.set_policy(exit_when_idle=Seconds(60.0))
    world.add(plan=Plan(takes=Seconds(100.0)))

    await world.agent().run()

    assert world.server.times("sign_off") == [160.0]


async def test_an_agent_that_shall_leave_when_idle_asks_at_least_once(world: World) -> None:
    world.set_policy(exit_when_idle=Seconds(0.0))
    job = world.add()

    await world.agent().run()

    assert job.state == "completed"


async def test_an_agent_that_has_been_idle_long_enough_does_not_rest_first(
    world: World,
) -> None:
    world.set_policy(exit_when_idle=Seconds(0.0))

    await world.agent().run()

    assert world.server.times("sign_off") == [0.0]


async def test_an_offer_that_arrives_with_the_signal_to_end_is_not_accepted(
    world: World,
) -> None:
    world.server.poll_answer_takes = Seconds(5.0)
    job = world.add()
    agent: Agent = world.agent()
    asyncio.get_running_loop().call_at(5.0, agent.on_terminate)

    await agent.run()

    assert world.server.times("renew") == []
    assert job.attempts == 0


QUIET = Restraint(rung=Rung.TAKE_NOTHING, why="quiet hours", until=Instant(40.0))


async def test_a_restraint_supersedes_the_poll_and_its_end_the_next(world: World) -> None:
    async with working(world) as agent:
        await world.sleep_until(10.0)
        agent.board.restrain("hours", QUIET)
        await world.sleep_until(50.0)

    assert list(zip(world.server.times("poll"), places(world), strict=True)) == [
        (0.0, (1, 0)),
        (10.0, (0, 0)),
        (35.0, (0, 0)),
        (40.0, (1, 0)),
    ]
    assert [ask.why_idle for ask in world.server.asks] == [None, "quiet hours", "quiet hours", None]


async def test_another_policy_is_told_at_once(world: World) -> None:
    async with working(world) as agent:
        await world.sleep_until(10.0)
        agent.adopt(replace(agent.policy, max_input=Bytes(1000)))
        await world.sleep_until(30.0)

    asked = zip(world.server.times("poll"), world.server.asks, strict=True)
    assert [(when, ask.max_input) for when, ask in asked] == [(0.0, 1 << 30), (10.0, 1000)]
