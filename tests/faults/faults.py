"""What can happen to a connection, as values. DOWN is from the server to the client."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import Enum


class Way(Enum):
    DOWN = "down"
    UP = "up"


@dataclass(frozen=True, slots=True)
class Latency:
    """Everything arrives that much later."""

    seconds: float
    way: Way = Way.DOWN


@dataclass(frozen=True, slots=True)
class Bandwidth:
    bytes_per_s: float
    way: Way = Way.DOWN


@dataclass(frozen=True, slots=True)
class Slices:
    """Everything arrives in writes of that many bytes at most."""

    size: int
    way: Way = Way.DOWN


@dataclass(frozen=True, slots=True)
class Cut:
    """The connection ends in good order, only too early: after that many bytes."""

    after: int
    way: Way = Way.DOWN


@dataclass(frozen=True, slots=True)
class Reset:
    """The connection is reset after that many bytes, all of which have arrived."""

    after: int
    way: Way = Way.DOWN


@dataclass(frozen=True, slots=True)
class BlackHole:
    """After that many bytes nothing arrives any more, either way, and nobody hangs up."""

    after: int
    way: Way = Way.DOWN


@dataclass(frozen=True, slots=True)
class SlowClose:
    """The server's goodbye comes that much later than its last byte."""

    seconds: float


@dataclass(frozen=True, slots=True)
class CorruptByte:
    """One byte has a bit flipped."""

    at: int
    way: Way = Way.DOWN


@dataclass(frozen=True, slots=True)
class AnswerDropped:
    """The server did what it was asked, but its answer never arrives.

    That of the request that carries the connection past `after` bytes up.
    """

    after: int = 0


Fault = (
    Latency | Bandwidth | Slices | Cut | Reset | BlackHole | SlowClose | CorruptByte | AnswerDropped
)
Plan = Callable[[int], Sequence[Fault]]
"""The faults of a connection, by its number, from 0."""
