import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from agent.model.reread import Reread
from agent.runtime.rereading import LOOK_EVERY, Rereading
from tests.runtime.conftest import Lines
from tests.virtual_time import LoopClock


@dataclass
class File:
    """A file of settings that somebody edits."""

    mark: int = 0
    found: Reread = field(default_factory=Reread)
    reads: int = 0

    def reread(self) -> Reread:
        self.reads += 1
        return self.found


@asynccontextmanager
async def watched(file: File, clock: LoopClock) -> AsyncIterator[Rereading]:
    rereading = Rereading(file.reread, lambda: file.mark, clock)
    async with asyncio.TaskGroup() as scope:
        task = scope.create_task(rereading.run())
        await asyncio.sleep(0)
        yield rereading
        task.cancel()


async def test_a_file_that_nobody_touches_is_not_read(clock: LoopClock) -> None:
    file = File()
    async with watched(file, clock):
        await asyncio.sleep(3600.0)

    assert file.reads == 0


async def test_a_changed_file_is_read_once_it_has_come_to_rest(clock: LoopClock) -> None:
    file = File()
    async with watched(file, clock):
        for _ in range(5):
            file.mark += 1
            await asyncio.sleep(LOOK_EVERY)
        while_written = file.reads
        await asyncio.sleep(60.0)

    assert (while_written, file.reads) == (0, 1)


async def test_a_signal_has_it_read_at_once(clock: LoopClock) -> None:
    file = File()
    async with watched(file, clock) as rereading:
        rereading.ask()
        await asyncio.sleep(0.1)

    assert file.reads == 1


async def test_what_was_read_at_a_signal_is_not_read_again(clock: LoopClock) -> None:
    file = File()
    async with watched(file, clock) as rereading:
        file.mark += 1
        rereading.ask()
        await asyncio.sleep(60.0)

    assert file.reads == 1


async def test_what_changed_and_what_waits_is_told(clock: LoopClock, lines: Lines) -> None:
    found = Reread(applied=("log.level",), need_restart=("agent.slots",))
    async with watched(File(found=found), clock) as rereading:
        rereading.ask()
        await asyncio.sleep(0.1)

    assert [(line["event"], line.get("applied") or line.get("names")) for line in lines] == [
        ("settings.reread", ["log.level"]),
        ("settings.need_restart", ["agent.slots"]),
    ]


async def test_a_broken_file_is_told_and_looked_at_again(clock: LoopClock, lines: Lines) -> None:
    file = File(found=Reread(problem="it is no valid TOML"))
    async with watched(file, clock) as rereading:
        rereading.ask()
        await asyncio.sleep(60.0)
        file.mark += 1
        await asyncio.sleep(60.0)

    assert file.reads == 2
    assert [line["reason"] for line in lines if line["event"] == "settings.refused"] == [
        "it is no valid TOML"
    ] * 2
