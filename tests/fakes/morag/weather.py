"""What goes wrong between a worker and MoRAG's server, each fault a value.

before   TurnedAway, HungUp, Garbage     the server learns nothing of the request
after    AnswerLost, FailedAfter         it has done all of it, and the worker does not know
between  Slow, GaveUp, Cut, Restart
"""

import asyncio
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from random import Random
from typing import Literal, Protocol, TypeAlias

Call: TypeAlias = Literal["create", "poll", "download", "result", "status", "health", "other"]
HOTEL = b"<!doctype html><title>Please log in</title><p>Welcome to our hotel."


class Struck(Protocol):
    """A request that meets a fault."""

    async def pass_on(self, most: int | None = None) -> None:
        """The server takes it up, and the caller hears what it says, up to so many bytes of it."""

    async def process(self) -> None:
        """The server takes it up, and nobody hears of it."""

    def process_behind(self) -> None:
        """… nor waits for it."""

    async def read(self) -> None:
        """All of it has arrived, though nothing is done with it yet."""

    async def say(self, status: int, body: bytes | None = None) -> None: ...

    async def hang_up(self) -> None: ...

    def restart(self, down_s: float) -> None: ...


@dataclass(frozen=True, slots=True)
class TurnedAway:
    """503, 502 and 504 of a proxy, or 429, which says nothing of when to come again."""

    status: int = 503

    async def strike(self, request: Struck) -> None:
        await request.say(self.status)


@dataclass(frozen=True, slots=True)
class HungUp:
    """The connection is closed, and the server has not seen the request."""

    async def strike(self, request: Struck) -> None:
        await request.hang_up()


@dataclass(frozen=True, slots=True)
class Garbage:
    """Somebody else answers 200."""

    body: bytes = HOTEL
    is_processed: bool = False

    async def strike(self, request: Struck) -> None:
        if self.is_processed:
            await request.process()
        await request.say(200, self.body)


@dataclass(frozen=True, slots=True)
class AnswerLost:
    """All is done, and the connection closed without a word."""

    async def strike(self, request: Struck) -> None:
        await request.process()
        await request.hang_up()


@dataclass(frozen=True, slots=True)
class FailedAfter:
    """All is done, and the answer is an error: of the server itself, or of a proxy."""

    status: int = 500

    async def strike(self, request: Struck) -> None:
        await request.process()
        await request.say(self.status)


@dataclass(frozen=True, slots=True)
class Slow:
    """The server takes the request up only then."""

    seconds: float

    async def strike(self, request: Struck) -> None:
        await request.read()
        await asyncio.sleep(self.seconds)
        await request.pass_on()


@dataclass(frozen=True, slots=True)
class GaveUp:
    """A proxy answers that the server took too long; the server goes on with it."""

    after_s: float = 0.0
    status: int = 504

    async def strike(self, request: Struck) -> None:
        await request.read()
        request.process_behind()
        await asyncio.sleep(self.after_s)
        await request.say(self.status)


@dataclass(frozen=True, slots=True)
class Cut:
    """The connection breaks after so many bytes of the answer's body."""

    at: int

    async def strike(self, request: Struck) -> None:
        await request.pass_on(self.at)


@dataclass(frozen=True, slots=True)
class Restart:
    """All connections are closed, and none is answered for a while; the state is kept."""

    down_s: float = 0.0

    async def strike(self, request: Struck) -> None:
        await request.read()
        request.restart(self.down_s)
        await request.hang_up()


Fault: TypeAlias = (
    TurnedAway | HungUp | Garbage | AnswerLost | FailedAfter | Slow | GaveUp | Cut | Restart
)
FAULTS: Mapping[str, type[Fault]] = {
    kind.__name__: kind
    for kind in (
        TurnedAway,
        HungUp,
        Garbage,
        AnswerLost,
        FailedAfter,
        Slow,
        GaveUp,
        Cut,
        Restart,
    )
}


@dataclass(frozen=True, slots=True)
class Rule:
    fault: Fault
    call: Call | None = None
    """None: whatever is called."""
    on: frozenset[int] = frozenset()
    """The requests it meets, counted from 1: of that call, or of all."""
    chance: float = 0.0
    """That it meets any other one."""


@dataclass
class Weather:
    """The first rule that meets a request counts."""

    rules: Sequence[Rule] = ()
    seed: int = 0
    met: Counter[str] = field(default_factory=Counter[str])
    """By the name of the fault."""

    def __post_init__(self) -> None:
        self._rng = Random(self.seed)
        self._seen: Counter[Call | None] = Counter()

    def on(self, call: Call) -> Fault | None:
        self._seen.update((call, None))
        for rule in self.rules:
            if rule.call in {call, None} and self._meets(rule):
                self.met[type(rule.fault).__name__] += 1
                return rule.fault
        return None

    def _meets(self, rule: Rule) -> bool:
        return self._seen[rule.call] in rule.on or self._rng.random() < rule.chance
