"""What may happen to a request, drawn from the seed. Data only: the network carries it out."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum, auto
from random import Random

from tests.simulation.call import Call


class Kind(Enum):
    NONE = auto()
    REFUSED = auto()
    REQUEST_LOST = auto()
    ANSWER_LOST = auto()
    """The server has done what was asked."""
    DUPLICATED = auto()
    """Delivered twice; the second time after `delay`."""
    STATUS = auto()
    """Something on the way answers `status`, before or after the server has done its part."""
    HTML = auto()
    """A page instead of what was asked for."""
    SLOW = auto()
    HALF_OPEN = auto()
    """The line falls silent after `chunks`."""
    CUT_UP = auto()
    CUT_DOWN = auto()
    CORRUPT_UP = auto()
    CORRUPT_DOWN = auto()


@dataclass(frozen=True, slots=True)
class Fate:
    kind: Kind = Kind.NONE
    latency: float = 0.01
    delay: float = 0.0
    chunks: int = 0
    status: int = 0
    retry_after: str | None = None
    """`3`, or `+3`: the same as a date."""
    is_silent: bool = False
    """Nobody is told: the caller waits until its patience ends."""
    was_done: bool = False
    """The server has processed the request all the same."""
    byte: int = 0
    pace: float = 0.0
    """Seconds that a chunk of a download takes."""


WEIGHTS: Mapping[Kind, int] = {
    Kind.REFUSED: 4,
    Kind.REQUEST_LOST: 4,
    Kind.ANSWER_LOST: 8,
    Kind.DUPLICATED: 5,
    Kind.STATUS: 5,
    Kind.HTML: 2,
    Kind.SLOW: 3,
    Kind.HALF_OPEN: 3,
    Kind.CUT_UP: 4,
    Kind.CUT_DOWN: 6,
    Kind.CORRUPT_UP: 1,
    Kind.CORRUPT_DOWN: 1,
}
STATUSES = (500, 502, 503, 503, 429, 404, 403)
LONG_BODY = 16 * 1024


@dataclass(frozen=True, slots=True)
class Weather:
    """How bad it is, and for how long."""

    rate: float
    """Share of the requests that something happens to."""
    kinds: tuple[Kind, ...]
    until: float
    partitions: tuple["Partition", ...] = ()
    pace: float = 0.0
    """Seconds that a chunk of a download takes: what is on its way for long is hit more often."""


@dataclass(frozen=True, slots=True)
class Partition:
    since: float
    until: float
    caller: str
    """Empty: nobody gets through."""
    is_silent: bool

    def holds(self, caller: str, now: float) -> bool:
        name = caller.partition("/")[0]
        return self.since <= now < self.until and self.caller in {"", name}


@dataclass
class Fates:
    """The dice of one world's network."""

    weather: Weather
    dice: Random
    counts: dict[Kind, int] = field(default_factory=dict[Kind, int])

    def draw(self, call: Call, now: float) -> Fate:
        dice, weather = self.dice, self.weather
        latency = dice.uniform(0.001, 0.05)
        pace = weather.pace if call.is_download and now < weather.until else 0.0
        if now >= weather.until or not weather.kinds or dice.random() >= weather.rate:
            return Fate(latency=latency, pace=pace)
        weights = [WEIGHTS[kind] * _likes(kind, call) for kind in weather.kinds]
        if not any(weights):
            return Fate(latency=latency, pace=pace)
        (kind,) = dice.choices(weather.kinds, weights)
        self.counts[kind] = self.counts.get(kind, 0) + 1
        seconds = dice.choice(("1", "3", "20", "+2", "+10", None, None))
        return Fate(
            kind=kind,
            latency=latency,
            delay=dice.choice((0.0, 0.5, 3.0, 20.0, 45.0)),
            chunks=_chunk(kind, call, dice.randrange(8)),
            status=dice.choice(STATUSES),
            retry_after=seconds,
            is_silent=dice.random() < SILENT,
            was_done=dice.random() < DONE,
            byte=dice.randrange(1 << 20),
            pace=pace,
        )


SILENT = 0.4
DONE = 0.3


def _chunk(kind: Kind, call: Call, drawn: int) -> int:
    """One that the request has, where it is about the request."""
    if kind in {Kind.CUT_UP, Kind.CORRUPT_UP}:
        return drawn % max(1, -(-len(call.body) // LONG_BODY))
    return drawn


def _likes(kind: Kind, call: Call) -> int:
    """Cuts in the middle are for what has one."""
    is_long = len(call.body) > LONG_BODY // 4 and call.verb in {"artifacts", "jobs", "result"}
    match kind:
        case Kind.CUT_DOWN | Kind.CORRUPT_DOWN:
            return 5 if call.is_download else 0
        case Kind.CUT_UP | Kind.CORRUPT_UP:
            return 5 if is_long else 0
        case Kind.HTML:
            return 3 if call.is_download else 1
        case _:
            return 1
