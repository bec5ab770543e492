"""When something has just been said: the moments at which a blow hurts most."""

import asyncio
from dataclasses import dataclass, field

from tests.simulation.call import Call

TORN = "torn"
"""A download broke off in its middle."""


@dataclass
class Moments:
    _awaited: list[tuple[str, str, asyncio.Event]] = field(default_factory=list)

    async def after(self, who: str, verb: str) -> None:
        """Wait until `who`, or anybody if that is empty, was answered this, or saw that."""
        news = asyncio.Event()
        self._awaited.append((who, verb, news))
        await news.wait()

    def on_answered(self, call: Call) -> None:
        self._tell(call, call.verb)

    def on_torn(self, call: Call) -> None:
        self._tell(call, TORN)

    def _tell(self, call: Call, what: str) -> None:
        for who, awaited, news in self._awaited:
            if awaited == what and call.caller.startswith(who):
                news.set()
