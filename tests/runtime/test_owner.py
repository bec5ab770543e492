import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from agent.core.owner_pause import PATIENCE
from agent.model.ids import Seconds
from agent.model.pause import Pause
from agent.model.restraint import Rung
from agent.runtime.board import Board
from agent.runtime.owner import OWNER, Owner
from tests.fakes.clocks import FakeClocks
from tests.fakes.pause_note import FakePauseNote
from tests.runtime.conftest import Lines
from tests.virtual_time import LoopClock


class Desk:
    """One owner with all around him."""

    def __init__(self, clock: LoopClock, note: FakePauseNote | None = None) -> None:
        self.clock = clock
        self.clocks = FakeClocks(clock)
        self.note = note or FakePauseNote()
        self.board = Board(clock.now())
        self.owner = Owner(self.board, self.note, clock, self.clocks)

    @property
    def rung(self) -> Rung | None:
        restraint = self.board.restraints.get(OWNER)
        return restraint.rung if restraint else None

    def pause(self, lasts: float | None = None, **more: bool) -> Pause:
        seconds = None if lasts is None else Seconds(lasts)
        return Pause(began=self.clocks.reading(), lasts=seconds, **more)


@asynccontextmanager
async def watching(owner: Owner) -> AsyncIterator[None]:
    async with asyncio.TaskGroup() as scope:
        task = scope.create_task(owner.watch())
        yield
        task.cancel()


async def test_a_pause_holds_at_once_and_is_on_disk(clock: LoopClock) -> None:
    desk = Desk(clock)
    pause = desk.pause(7200.0)

    trouble = await desk.owner.pause(pause)

    assert trouble is None
    assert desk.rung is Rung.TAKE_NOTHING
    assert desk.note.pause == pause


async def test_a_pause_ends_by_itself_and_leaves_nothing(clock: LoopClock, lines: Lines) -> None:
    desk = Desk(clock)
    async with watching(desk.owner):
        await desk.owner.pause(desk.pause(7200.0))
        await asyncio.sleep(7199.0)
        before = desk.board.in_force(clock.now())
        await asyncio.sleep(2.0)

        assert [one.why for _, one in before] == ["paused by its owner"]
        assert desk.board.in_force(clock.now()) == ()
        assert desk.rung is None
        assert desk.note.pause is None
        assert not desk.owner.is_paused
    assert [line["reason"] for line in lines if line["event"] == "owner.resumed"] == [
        "its time is over"
    ]


async def test_a_pause_outlasts_a_restart_and_still_ends_by_itself(clock: LoopClock) -> None:
    first = Desk(clock)
    await first.owner.pause(first.pause(7200.0))
    await asyncio.sleep(3600.0)

    second = Desk(clock, first.note)
    async with watching(second.owner):
        held = second.rung
        await asyncio.sleep(3601.0)

        assert held is Rung.TAKE_NOTHING
        assert second.rung is None


async def test_a_pause_whose_time_passed_while_nobody_ran_is_over(clock: LoopClock) -> None:
    first = Desk(clock)
    await first.owner.pause(first.pause(60.0))
    await asyncio.sleep(3600.0)

    second = Desk(clock, first.note)
    assert second.rung is None
    async with watching(second.owner):
        await asyncio.sleep(1.0)

    assert second.note.pause is None


async def test_resume_ends_any_pause(clock: LoopClock) -> None:
    desk = Desk(clock)
    async with watching(desk.owner):
        await desk.owner.pause(desk.pause())
        await asyncio.sleep(1e6)
        held = desk.rung
        await desk.owner.resume("the owner said so")

        assert held is Rung.TAKE_NOTHING
        assert desk.rung is None


async def test_the_later_pause_counts(clock: LoopClock) -> None:
    desk = Desk(clock)
    async with watching(desk.owner):
        await desk.owner.pause(desk.pause(7200.0))
        await desk.owner.pause(desk.pause(60.0))
        await asyncio.sleep(61.0)

        assert desk.rung is None


async def test_a_freed_gpu_goes_from_waiting_to_handing_back(clock: LoopClock) -> None:
    desk = Desk(clock)
    async with watching(desk.owner):
        await desk.owner.pause(desk.pause(free_gpu=True))
        await asyncio.sleep(PATIENCE - 1.0)
        first = desk.rung
        await asyncio.sleep(2.0)

        assert (first, desk.rung) == (Rung.PAUSE, Rung.HAND_BACK)


async def test_a_pause_until_a_time_follows_a_clock_that_is_set(clock: LoopClock) -> None:
    desk = Desk(clock)
    async with watching(desk.owner):
        now = desk.clocks.reading()
        await desk.owner.pause(Pause(began=now, until=now.wall + 7200.0))
        desk.clocks.offset += 3600.0
        await asyncio.sleep(3590.0)
        held = desk.rung
        await asyncio.sleep(11.0)

        assert (held, desk.rung) == (Rung.TAKE_NOTHING, None)


async def test_a_full_disk_keeps_nobody_from_pausing(clock: LoopClock) -> None:
    desk = Desk(clock, FakePauseNote(is_full=True))

    trouble = await desk.owner.pause(desk.pause())

    assert trouble == "no space left on the disk for the note"
    assert desk.rung is Rung.TAKE_NOTHING
