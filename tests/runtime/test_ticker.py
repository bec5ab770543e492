import asyncio
from contextlib import suppress

from agent.core.vitality import Vitality
from agent.model.ids import Instant, Seconds
from agent.runtime.ticker import tick
from tests.fakes.observer import FakeObserver


async def test_each_tick_is_shown_and_its_lag_told() -> None:
    vitality, observer = Vitality(Seconds(80.0)), FakeObserver()

    with suppress(TimeoutError):
        async with asyncio.timeout(101.0):
            await tick(vitality, observer, Seconds(10.0))

    assert observer.lags == [0.0] * 10


async def test_the_loop_is_missed_once_the_ticks_end() -> None:
    vitality = Vitality(Seconds(80.0))
    ticking = asyncio.create_task(tick(vitality, FakeObserver(), Seconds(10.0)))
    await asyncio.sleep(25.0)

    ticking.cancel()

    looks = [vitality.on_look(Instant(moment * 10.0)) for moment in range(20)]
    assert looks[0] is None
    assert looks[-1] is not None
