import asyncio

from agent.core.verdict import Fail, Release
from agent.model.failures import FailureCode
from agent.runtime.settlement import LAST_WORD, Kept, Stop
from tests.virtual_time import LoopClock

LEAVING = Release("the agent is stopping")
CANCELLED = Release("cancelled by its owner")


def test_work_that_we_cut_short_is_handed_back() -> None:
    stop = Stop()

    stop.by_us(LEAVING)

    assert stop.settlement(is_finished=False) == LEAVING


def test_a_finished_result_is_kept_when_we_leave() -> None:
    stop = Stop()

    stop.by_us(LEAVING)

    assert stop.settlement(is_finished=True) == Kept()


def test_a_finished_result_that_the_server_cancels_is_released() -> None:
    stop = Stop()

    stop.by_server(CANCELLED)

    assert stop.settlement(is_finished=True) == CANCELLED


def test_the_server_outranks_our_leaving_whoever_spoke_first() -> None:
    first, last = Stop(), Stop()

    first.by_server(CANCELLED)
    first.by_us(LEAVING)
    last.by_us(LEAVING)
    last.by_server(CANCELLED)

    assert first.settlement(is_finished=True) == CANCELLED
    assert last.settlement(is_finished=True) == CANCELLED


def test_a_failure_that_the_server_forces_ends_a_finished_result_too() -> None:
    stop = Stop()

    stop.by_server(Fail(FailureCode.INTERNAL, "renewal refused"))

    assert stop.settlement(is_finished=True) == Fail(FailureCode.INTERNAL, "renewal refused")


async def test_waiting_ends_whoever_asks() -> None:
    by_server, by_us = Stop(), Stop()
    by_server.by_server(CANCELLED)
    by_us.by_us(LEAVING)

    async with asyncio.timeout(1.0):
        await by_server.wait()
        await by_us.wait()


async def test_patience_has_no_end_while_we_stay(clock: LoopClock) -> None:
    stop = Stop()
    stop.by_server(CANCELLED)

    ended = await _ends_within(stop, 3600.0, clock)

    assert not ended


async def test_patience_ends_a_moment_after_we_leave(clock: LoopClock) -> None:
    stop = Stop()
    asyncio.get_running_loop().call_later(10.0, stop.by_us, LEAVING)

    await stop.patience_ends(clock.now, clock.sleep_until)

    assert clock.now() == 10.0 + LAST_WORD


async def _ends_within(stop: Stop, seconds: float, clock: LoopClock) -> bool:
    try:
        async with asyncio.timeout(seconds):
            await stop.patience_ends(clock.now, clock.sleep_until)
    except TimeoutError:
        return False
    return True
