"""What the owner asks of a running agent, and what it answers: one request, one answer or a stream.

Both sides speak `VERSION`, which each line carries.
"""

from dataclasses import dataclass
from typing import Literal, TypeAlias

from agent.model.ids import Seconds
from agent.model.snapshot import Snapshot

VERSION = 1
MOST_REQUEST = 16 * 1024
"""Bytes of a request with its end of line."""
SHORTEST_WATCH = Seconds(0.2)
LONGEST_PAUSE = Seconds(366 * 86400.0)


@dataclass(frozen=True, slots=True, kw_only=True)
class AskStatus:
    kind: Literal["status"] = "status"


@dataclass(frozen=True, slots=True, kw_only=True)
class AskWatch:
    """A snapshot every so often, until the asker goes away."""

    every: float
    kind: Literal["watch"] = "watch"


@dataclass(frozen=True, slots=True, kw_only=True)
class AskPause:
    """For ever, for so many seconds, or until a moment by the clock on the wall."""

    lasts: float | None = None
    until: float | None = None
    """Seconds since 1970."""
    free_gpu: bool = False
    kind: Literal["pause"] = "pause"


@dataclass(frozen=True, slots=True, kw_only=True)
class AskResume:
    kind: Literal["resume"] = "resume"


@dataclass(frozen=True, slots=True, kw_only=True)
class AskDrain:
    kind: Literal["drain"] = "drain"


Request: TypeAlias = AskStatus | AskWatch | AskPause | AskResume | AskDrain


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """How the agent is."""

    snapshot: Snapshot
    kind: Literal["told"] = "told"


@dataclass(frozen=True, slots=True, kw_only=True)
class Done:
    """It is done, and this is how the agent is now."""

    snapshot: Snapshot
    caveat: str | None = None
    """What the owner should know about it, in a sentence."""
    kind: Literal["done"] = "done"


@dataclass(frozen=True, slots=True, kw_only=True)
class Refused:
    """It is not done; in a sentence."""

    reason: str
    kind: Literal["refused"] = "refused"


Answer: TypeAlias = Told | Done | Refused
