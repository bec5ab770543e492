"""What one seed tells: the jobs, the agents, the weather, and who dies when. Pure data."""

import hashlib
from dataclasses import dataclass
from enum import Enum, auto
from random import Random

from agent.model.restraint import Rung
from tests.simulation.faults import Kind, Partition, Weather
from tests.simulation.moments import TORN

KIB = 1024


class Ending(Enum):
    """How one computation goes."""

    WELL = auto()
    CRASH = auto()
    OUT_OF_MEMORY = auto()
    UNREADABLE = auto()
    HANG = auto()


class Source(Enum):
    """Where the input comes from, and how well it is served."""

    UPLOAD = auto()
    PLAIN = auto()
    IGNORES_RANGE = auto()
    MADE_AS_ASKED = auto()
    """It ignores ranges too, and tells no length: only its end shows where it ends."""
    WEAK_TAG = auto()
    CHANGES = auto()
    """Another version after a while; asked rightly it says so."""


@dataclass(frozen=True, slots=True)
class Course:
    takes: float
    ending: Ending


@dataclass(frozen=True, slots=True, kw_only=True)
class JobStory:
    name: str
    contents: tuple[bytes, ...]
    """The versions of its input; one for all but `CHANGES`."""
    source: Source
    has_digest: bool
    at: float
    cancelled_at: float | None
    max_attempts: int
    timeout: float | None
    courses: tuple[Course, ...]
    """In turn; the last one again and again."""
    sizes: tuple[int, ...]
    """Of its results."""

    @property
    def digest(self) -> str:
        return hashlib.sha256(self.contents[0]).hexdigest()

    def results(self, content: bytes) -> dict[str, bytes]:
        """What comes of this input."""
        seed = content + self.name.encode()
        return {
            f"part-{n}.bin" if n else "result.md": hashlib.shake_256(seed + bytes([n])).digest(size)
            for n, size in enumerate(self.sizes)
        }


class Blow(Enum):
    CRASH = auto()
    POWER_CUT = auto()
    STOP = auto()
    """An orderly end, as a service manager asks for."""
    SUSPEND = auto()


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    at: float
    who: str
    blow: Blow
    lasts: float
    after: str = ""
    """It waits for an answer of the server about this: `renew`, `complete` and so on."""
    delay: float = 0.0
    """Between that answer and the blow."""
    clock_jump: float = 0.0
    """Of the server: somebody sets its wall clock before it starts again."""


@dataclass(frozen=True, slots=True)
class Yield:
    """The owner of a box needs it for something else."""

    at: float
    who: str
    rung: Rung
    lasts: float


@dataclass(frozen=True, slots=True)
class AgentStory:
    name: str
    slots: int
    since: float
    slow_disk: float


@dataclass(frozen=True, slots=True)
class Story:
    seed: int
    jobs: tuple[JobStory, ...]
    agents: tuple[AgentStory, ...]
    events: tuple[Event, ...]
    weather: Weather
    server_disk: float
    yields: tuple[Yield, ...]


SERVER = "server"
MOMENTS = ("hello", "poll", "renew", "renew", "input", "artifacts", "complete", "fail", "release")
WHEN_STOPPED = ("artifacts", "artifacts", "complete", *MOMENTS)
"""Only from an agent that holds a finished result can a sign-off take it away."""
AIMED = 0.6
"""Share of the blows that fall right when something has been said."""
DOWNLOADS = 0.2
"""Share of the stories that are about large inputs on slow lines, and power that fails meanwhile:
only then is there much on a disk that no sync has confirmed."""
IN_DOWNLOADS = ("file", "file", "input", TORN)
NAMES = ("attic", "cellar")
YIELDS = 0.3
"""Share of the stories in which somebody needs the box meanwhile."""


def story(seed: int) -> Story:
    dice = Random(f"{seed}/story")
    trouble_ends = dice.choice((200.0, 350.0, 500.0))
    rush = dice.choice((5.0, trouble_ends / 4, trouble_ends / 2))
    agents = tuple(
        AgentStory(name, dice.choice((1, 1, 2)), dice.choice((0.0, 0.0, 60.0)), _disk(dice))
        for name in NAMES[: dice.choice((1, 2, 2))]
    )
    is_of_downloads = dice.random() < DOWNLOADS
    jobs = tuple(
        _job(f"j{n}", dice, rush, is_of_downloads=is_of_downloads)
        for n in range(dice.choice((1, 2, 2, 3)))
    )
    names = [agent.name for agent in agents]
    return Story(
        seed=seed,
        jobs=jobs,
        agents=agents,
        events=_events(dice, names, trouble_ends, is_of_downloads=is_of_downloads),
        weather=_weather(dice, names, trouble_ends, is_of_downloads=is_of_downloads),
        server_disk=_disk(dice),
        yields=_yields(seed, names, trouble_ends),
    )


def _yields(seed: int, agents: list[str], trouble_ends: float) -> tuple[Yield, ...]:
    """With dice of their own: what else a seed tells is older."""
    dice = Random(f"{seed}/yields")
    if dice.random() >= YIELDS:
        return ()
    return tuple(
        Yield(
            at=dice.uniform(0.0, trouble_ends * 0.8),
            who=dice.choice(agents),
            rung=dice.choice((Rung.TAKE_NOTHING, Rung.PAUSE, Rung.PAUSE, Rung.HAND_BACK)),
            lasts=dice.choice((0.0, 0.5, 20.0, 100.0, 300.0)),
        )
        for _ in range(dice.choice((1, 2, 4)))
    )


def _disk(dice: Random) -> float:
    return dice.choice((0.0, 0.0, 0.0, 0.05, 0.5))


def _job(name: str, dice: Random, rush: float, *, is_of_downloads: bool) -> JobStory:
    shares = (2, 7, 1, 4, 1, 4) if is_of_downloads else (10, 3, 1, 1, 1, 4)
    source = dice.choices(tuple(Source), shares)[0]
    digests = 0.2 if is_of_downloads else 0.8
    sizes = (0, 1, 5 * KIB, 40 * KIB, 40 * KIB, 120 * KIB, 250 * KIB)
    size = dice.choice(sizes[-3:] if is_of_downloads else sizes)
    versions = 2 if source is Source.CHANGES else 1
    return JobStory(
        name=name,
        contents=tuple(dice.randbytes(size) for _ in range(versions)),
        source=source,
        has_digest=source is not Source.CHANGES and dice.random() < digests,
        at=dice.uniform(0.0, rush),
        cancelled_at=dice.uniform(10.0, 200.0) if dice.random() < 0.12 else None,
        max_attempts=dice.choice((1, 2, 3, 3)),
        timeout=dice.choice((None, None, 300.0)),
        courses=_courses(dice),
        sizes=tuple(
            dice.choice((0, 300, 10 * KIB, 60 * KIB, 150 * KIB))
            for _ in range(dice.choice((1, 1, 2)))
        ),
    )


def _courses(dice: Random) -> tuple[Course, ...]:
    return tuple(
        Course(
            takes=dice.choice((0.2, 5.0, 40.0, 100.0, 150.0, 250.0)),
            ending=dice.choices(tuple(Ending), (24, 2, 1, 1, 1))[0],
        )
        for _ in range(4)
    )


def _events(
    dice: Random, agents: list[str], trouble_ends: float, *, is_of_downloads: bool
) -> tuple[Event, ...]:
    events = []
    for who in [*agents, SERVER]:
        strike = _blackout if is_of_downloads and who != SERVER else _event
        at = dice.uniform(5.0, trouble_ends * 0.7)
        for _ in range(dice.choice((0, 1, 1, 2))):
            event = strike(who, at, dice)
            events.append(event)
            at = event.at + event.lasts + dice.uniform(5.0, trouble_ends / 2)
            if at > trouble_ends:
                break
    return tuple(sorted(events, key=lambda event: event.at))


def _event(who: str, at: float, dice: Random) -> Event:
    blow = dice.choices(tuple(Blow), (4, 4, 5, 3))[0]
    lasts = dice.choice((0.0, 1.0, 5.0, 30.0, 100.0, 200.0))
    if blow is Blow.SUSPEND:
        lasts = dice.choice((20.0, 110.0, 150.0, 400.0))
    moments = WHEN_STOPPED if blow is Blow.STOP else MOMENTS
    after = dice.choice(moments) if dice.random() < AIMED else ""
    jump = dice.choice((0.0, 0.0, 3600.0, -3600.0, -60.0, 86400.0)) if who == SERVER else 0.0
    return Event(
        at=dice.uniform(0.0, at) if after else at,
        who=who,
        blow=blow,
        lasts=lasts,
        after=after,
        delay=dice.choice((0.0, 0.0, 0.02, 0.2, 1.0)),
        clock_jump=jump,
    )


def _blackout(who: str, at: float, dice: Random) -> Event:
    """While an input is on its way."""
    return Event(
        at=dice.uniform(0.0, at / 2),
        who=who,
        blow=dice.choices((Blow.CRASH, Blow.POWER_CUT), (1, 5))[0],
        lasts=dice.choice((0.0, 1.0, 5.0, 30.0, 100.0)),
        after=dice.choice(IN_DOWNLOADS),
        delay=dice.choice((0.5, 3.0, 6.0, 15.0, 30.0)),
    )


def _weather(
    dice: Random, agents: list[str], trouble_ends: float, *, is_of_downloads: bool
) -> Weather:
    partitions = []
    for _ in range(dice.choice((0, 1, 1, 2))):
        since = dice.uniform(0.0, trouble_ends * 0.7)
        lasts = dice.choice((5.0, 40.0, 120.0, 200.0, 300.0))
        who = dice.choice(("", *agents))
        partitions.append(Partition(since, since + lasts, who, dice.random() < 0.5))
    kinds = [kind for kind in Kind if kind is not Kind.NONE]
    return Weather(
        rate=dice.choice((0.0, 0.05, 0.1, 0.2, 0.3)),
        kinds=tuple(dice.sample(kinds, dice.randint(3, len(kinds)))),
        until=trouble_ends,
        partitions=tuple(partitions),
        pace=dice.choice((1.0, 2.0, 4.0)) if is_of_downloads else 0.0,
    )
