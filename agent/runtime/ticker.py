"""Shows, from inside the event loop, that it moves and how late it is."""

import asyncio
from typing import NoReturn

from agent.core.vitality import Vitality
from agent.model.ids import Seconds
from agent.ports import Observer


async def tick(vitality: Vitality, observer: Observer, every: Seconds) -> NoReturn:
    """Until cancelled. By the loop's own time, which stands still while the machine sleeps."""
    loop = asyncio.get_running_loop()
    while True:
        due = loop.time() + every
        vitality.on_tick()
        await asyncio.sleep(every)
        observer.ticked(Seconds(max(0.0, loop.time() - due)))
