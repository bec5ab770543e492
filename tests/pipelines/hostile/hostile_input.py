"""One broken or hostile file: what makes it, and what may become of it."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from agent.model.failures import FailureCode

UNREADABLE = FailureCode.MEDIA_UNREADABLE
UNSUPPORTED = FailureCode.UNSUPPORTED_MEDIA
TOO_LARGE = FailureCode.TOO_LARGE

PRIVATE = "the-owner-keeps-this-to-himself-4711"
"""Stands in files beside the input; nothing that comes out may hold it."""


@dataclass(frozen=True, slots=True)
class HostileInput:
    name: str
    content_type: str
    filename: str
    make: Callable[[Path, Path], None]
    """Write the input to the first path; the second is a file that it must not reach."""
    ends: frozenset[FailureCode | None]
    """The codes that are right; None where it may as well be read."""

    def __str__(self) -> str:
        return f"{self.content_type}-{self.name}"


def failing(*codes: FailureCode) -> frozenset[FailureCode | None]:
    return frozenset(codes)


def failing_or_read(*codes: FailureCode) -> frozenset[FailureCode | None]:
    return frozenset(codes) | {None}


READ: frozenset[FailureCode | None] = frozenset({None})
