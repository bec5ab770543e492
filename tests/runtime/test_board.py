import asyncio
from dataclasses import replace

import pytest

from agent.core.breaker import Paused, Trusted
from agent.core.verdict import Drop, Fail, Release, StopAgent
from agent.model.failures import FailureCode
from agent.model.ids import Instant, LeaseId
from agent.model.lease import Directive, LostReason, Received
from agent.model.restraint import Restraint, Rung
from agent.runtime.board import Board
from agent.runtime.job import HeldJob
from agent.runtime.settlement import Delivered, Ending, Kept, Settlement
from tests.runtime.world import World, offer_of

NOW = Instant(100.0)


def a_job(world: World, lease_id: str = "lease-1") -> HeldJob:
    offer = replace(offer_of(), lease_id=LeaseId(lease_id))
    return HeldJob(Received(offer, NOW), world.tools, world.policy, world.slots, world)


def reasons(board: Board, at: float = NOW) -> list[str]:
    return [restraint.why for _, restraint in board.in_force(Instant(at))]


async def has_changed(board: Board) -> bool:
    try:
        async with asyncio.timeout(0.0):
            await board.change()
    except TimeoutError:
        return False
    return True


async def test_a_job_is_held_from_being_taken_to_being_given_up(world: World) -> None:
    job, board = a_job(world), Board(NOW)

    board.take(job)
    held = (board.jobs, board.holds(LeaseId("lease-1")))
    board.give_up(job, Ending.COMPLETED, NOW)

    assert held == ((job,), True)
    assert (board.jobs, board.holds(LeaseId("lease-1"))) == ((), False)


async def test_a_job_counts_as_taken_once_it_was_accepted(world: World) -> None:
    world.add()
    job, board = await world.hold(), Board(NOW)
    board.take(job)

    board.give_up(job, await job.run(), NOW)

    assert board.taken == 1


async def test_an_offer_that_ran_out_was_never_taken(world: World) -> None:
    job, board = a_job(world), Board(NOW)
    board.take(job)

    board.give_up(job, Ending.LOST, NOW)

    assert board.taken == 0


async def test_idleness_counts_from_the_end_of_the_last_job(world: World) -> None:
    first, second, board = a_job(world, "one"), a_job(world, "two"), Board(Instant(0.0))
    board.take(first)
    board.take(second)

    board.give_up(first, Ending.COMPLETED, Instant(10.0))
    board.give_up(second, Ending.LOST, Instant(20.0))

    assert board.idle_since == 20.0


@pytest.mark.parametrize("ending", list(Ending))
async def test_only_leases_of_results_that_stay_behind_are_kept(
    world: World, ending: Ending
) -> None:
    job, board = a_job(world), Board(NOW)
    board.take(job)

    board.give_up(job, ending, NOW)

    assert board.kept == (["lease-1"] if ending is Ending.KEPT else [])


async def test_taking_and_giving_up_are_news(world: World) -> None:
    job, board = a_job(world), Board(NOW)

    board.take(job)
    taken = await has_changed(board)
    board.seen()
    quiet = await has_changed(board)
    board.give_up(job, Ending.COMPLETED, NOW)

    assert (taken, quiet, await has_changed(board)) == (True, False, True)


async def test_a_pause_holds_until_continue() -> None:
    board = Board(NOW)

    board.on_directive(Directive.PAUSE, "the owner plays")
    board.on_directive(Directive.DRAIN, None)
    paused = reasons(board)
    board.on_directive(Directive.CONTINUE, None)

    assert paused == ["paused by the server: the owner plays"]
    assert reasons(board) == []


async def test_a_directive_is_news_only_when_it_changes_something() -> None:
    board = Board(NOW)
    board.on_directive(Directive.CONTINUE, None)
    unchanged = await has_changed(board)

    board.on_directive(Directive.PAUSE, None)

    assert not unchanged
    assert await has_changed(board)


@pytest.mark.parametrize(
    "settlement",
    [
        Fail(FailureCode.WORKER_CRASHED, "it crashed"),
        Release("disk_full: no room", is_box_fault=True),
    ],
)
async def test_what_speaks_against_the_box_pauses_it_and_is_news(settlement: Settlement) -> None:
    board = Board(NOW, most_failures=1)

    board.on_settled(settlement, NOW)

    assert isinstance(board.breaker.trust(NOW), Paused)
    assert await has_changed(board)


@pytest.mark.parametrize("settlement", [Delivered(1), Drop(LostReason.COMPLETED)])
async def test_a_result_that_the_server_has_speaks_for_the_box(settlement: Settlement) -> None:
    board = Board(NOW, most_failures=2)
    board.on_settled(Fail(FailureCode.TIMEOUT, "late"), NOW)

    board.on_settled(settlement, NOW)

    assert board.breaker.trust(NOW) == Trusted(None)


@pytest.mark.parametrize(
    "settlement",
    [
        None,
        Kept(),
        Release("cancelled by the server"),
        Drop(LostReason.SUPERSEDED),
        StopAgent("newer"),
        Fail(FailureCode.MEDIA_UNREADABLE, "bad"),
    ],
)
async def test_every_other_end_says_nothing_about_the_box(settlement: Settlement | None) -> None:
    board = Board(NOW, most_failures=2)
    board.on_settled(Fail(FailureCode.INTERNAL, "a bug"), NOW)

    board.on_settled(settlement, NOW)

    assert board.breaker.trust(NOW) == Trusted(1)


GAME = Restraint(rung=Rung.PAUSE, why="a game runs")
QUIET = Restraint(rung=Rung.TAKE_NOTHING, why="quiet hours", until=Instant(160.0))


async def test_the_highest_rung_comes_first() -> None:
    board = Board(NOW)
    board.restrain("hours", QUIET)
    board.restrain("guest", GAME)

    assert board.in_force(NOW) == (("guest", GAME), ("hours", QUIET))
    board.restrain("guest", None)
    assert reasons(board) == ["quiet hours"]


async def test_a_restraint_ends_at_its_time() -> None:
    board = Board(NOW)
    board.restrain("hours", QUIET)

    assert board.next_end(NOW) == 160.0
    assert reasons(board, 159.9) == ["quiet hours"]
    assert reasons(board, 160.0) == []
    assert board.next_end(Instant(160.0)) is None


async def test_a_restraint_is_news_only_when_it_changes() -> None:
    board = Board(NOW)
    board.restrain("guest", GAME)
    first = await has_changed(board)
    board.seen()

    board.restrain("guest", GAME)
    board.restrain("budget", None)
    again = await has_changed(board)
    board.restrain("guest", None)

    assert (first, again, await has_changed(board)) == (True, False, True)


async def test_the_lowest_rung_is_no_restraint() -> None:
    board = Board(NOW)
    board.restrain("guest", GAME)

    board.restrain("guest", Restraint(rung=Rung.WORK, why="nothing"))

    assert board.restraints == {}


async def test_how_jobs_ended_is_counted(world: World) -> None:
    world.add()
    job, board = await world.hold(), Board(NOW)
    board.take(job)

    board.give_up(job, await job.run(), NOW)

    assert board.ended == {Ending.COMPLETED: 1}
