import asyncio

import pytest

from agent.runtime.race import INTERRUPTED, first_of
from tests.virtual_time import LoopClock


async def never() -> None:
    await asyncio.Event().wait()


async def after(seconds: float, result: str = "done") -> str:
    await asyncio.sleep(seconds)
    return result


async def test_work_that_ends_first_gives_its_result() -> None:
    assert await first_of(after(1.0), after(2.0)) == "done"


async def test_news_cancels_the_work(clock: LoopClock) -> None:
    assert await first_of(after(2.0), after(1.0)) is INTERRUPTED
    assert clock.now() == 1.0


async def test_work_that_ends_in_the_same_moment_as_the_news_counts_as_done() -> None:
    assert await first_of(after(1.0), after(1.0)) == "done"
    assert await first_of(after(0.0), after(0.0)) == "done"


async def test_both_have_ended_when_it_returns(clock: LoopClock) -> None:
    ended_at: list[float] = []

    async def dies_slowly() -> None:
        try:
            await never()
        finally:
            await asyncio.sleep(5.0)
            ended_at.append(clock.now())

    await first_of(dies_slowly(), after(1.0))

    assert ended_at == [6.0]
    assert len(asyncio.all_tasks()) == 1


async def test_an_error_of_the_work_is_raised() -> None:
    async def breaks() -> None:
        raise ValueError("broken")

    with pytest.raises(ValueError, match="broken"):
        await first_of(breaks(), never())


async def test_being_cancelled_cancels_both() -> None:
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(1.0):
            await first_of(never(), never())

    assert len(asyncio.all_tasks()) == 1


async def test_a_result_that_the_cancelled_work_still_gives_is_not_lost() -> None:
    async def stubborn() -> str:
        try:
            await never()
        except asyncio.CancelledError:
            return "saved"
        return "unreachable"

    assert await first_of(stubborn(), after(1.0)) == "saved"
