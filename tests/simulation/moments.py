"""When something has just been said: the moments at which a blow hurts most."""

import asyncio
from dataclasses import dataclass, field

from tests.simulation.call import Call


@dataclass
class Moments:
    _awaited: list[tuple[str, str, asyncio.Event]] = field(default_factory=list)

    async def after(self, who: str, verb: str) -> None:
        """Wait until the server has answered this to `who`, or to anybody if that is empty."""
        news = asyncio.Event()
        self._awaited.append((who, verb, news))
        await news.wait()

    def on_answered(self, call: Call) -> None:
        for who, verb, news in self._awaited:
            if verb == call.verb and call.caller.startswith(who):
                news.set()
