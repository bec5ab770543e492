import asyncio
from dataclasses import dataclass, field

from hypothesis import given
from hypothesis import strategies as st

from agent.runtime.slots import Slots


@dataclass
class Jobs:
    """They hold a slot until they are told to end."""

    count: int = 1
    computing: list[str] = field(default_factory=list)
    ends: dict[str, asyncio.Event] = field(default_factory=dict)
    tasks: dict[str, asyncio.Task[None]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.slots = Slots(lambda: self.count)

    async def start(self, *names: str) -> None:
        for name in names:
            self.ends[name] = asyncio.Event()
            self.tasks[name] = asyncio.create_task(self._compute(name))
        await self.settle()

    async def end(self, name: str) -> None:
        self.ends[name].set()
        await self.settle()

    async def cancel(self, name: str) -> None:
        self.tasks[name].cancel()
        await self.settle()

    async def resize(self, count: int) -> None:
        self.count = count
        self.slots.recount()
        await self.settle()

    async def settle(self) -> None:
        for _ in range(5):
            await asyncio.sleep(0)

    async def _compute(self, name: str) -> None:
        async with self.slots:
            self.computing.append(name)
            try:
                await self.ends[name].wait()
            finally:
                self.computing.remove(name)


async def test_as_many_compute_as_there_are_and_the_others_in_their_turn() -> None:
    jobs = Jobs(2)
    await jobs.start("a", "b", "c", "d")
    assert jobs.computing == ["a", "b"]
    await jobs.end("a")
    assert jobs.computing == ["b", "c"]


async def test_fewer_slots_take_none_away_but_none_is_given_either() -> None:
    jobs = Jobs(2)
    await jobs.start("a", "b", "c")
    await jobs.resize(1)
    assert jobs.computing == ["a", "b"]
    await jobs.end("a")
    assert jobs.computing == ["b"]
    await jobs.end("b")
    assert jobs.computing == ["c"]


async def test_more_slots_are_given_at_once() -> None:
    jobs = Jobs(0)
    await jobs.start("a", "b")
    assert jobs.computing == []
    await jobs.resize(2)
    assert jobs.computing == ["a", "b"]


async def test_who_gives_up_waiting_gives_up_the_turn() -> None:
    jobs = Jobs(1)
    await jobs.start("a", "b", "c")
    await jobs.cancel("b")
    await jobs.end("a")
    assert jobs.computing == ["c"]


async def test_a_slot_that_was_granted_to_one_who_leaves_goes_to_the_next() -> None:
    jobs = Jobs(1)
    await jobs.start("a", "b", "c")
    jobs.ends["a"].set()
    while not jobs.tasks["a"].done():
        await asyncio.sleep(0)
    jobs.tasks["b"].cancel()
    await jobs.settle()
    assert jobs.computing == ["c"]


@given(
    st.lists(st.tuples(st.sampled_from(["start", "end", "cancel", "resize"]), st.integers(0, 5)))
)
def test_no_slot_is_lost_and_none_is_given_twice(acts: list[tuple[str, int]]) -> None:
    async def play() -> None:
        jobs, number = Jobs(2), 0
        for act, choice in acts:
            known = sorted(jobs.tasks)
            if act == "start":
                number += 1
                await jobs.start(f"{number:03}")
            elif act == "resize":
                before = len(jobs.computing)
                await jobs.resize(choice)
                assert len(jobs.computing) <= max(before, choice)
            elif known:
                name = known[choice % len(known)]
                await (jobs.end(name) if act == "end" else jobs.cancel(name))
        for name in sorted(jobs.tasks):
            await jobs.end(name)
        await jobs.resize(1)
        await jobs.settle()
        for _ in jobs.tasks:
            await jobs.settle()
        assert all(task.done() for task in jobs.tasks.values())

    asyncio.run(play())
