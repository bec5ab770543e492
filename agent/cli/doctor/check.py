"""What `doctor` looks at, one unit each, and what it may find."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TypeAlias


class Group(StrEnum):
    """In the order in which they are told."""

    BOX = "box"
    GPU = "GPU"
    CONTAINER = "container"
    SOFTWARE = "software"
    MODELS = "models"
    SETTINGS = "settings"
    SPOOL = "spool"
    NETWORK = "network"
    SERVER = "server"


Odd: TypeAlias = tuple[str, str]
"""What is odd about the settings, and what to do."""


class Verdict(StrEnum):
    OK = "ok"
    WARNING = "warning"
    ERROR = "error"
    NOT_APPLICABLE = "not applicable"
    UNKNOWN = "unknown"
    """It could not be looked at, or nobody asked for a look that takes long."""


Measured: TypeAlias = float | str
"""A number in the unit that its name ends with, or a word such as a version."""


@dataclass(frozen=True, slots=True)
class Finding:
    verdict: Verdict
    seen: str
    """One sentence."""
    advice: str = ""
    """What to do, in one sentence; only where something is not right."""
    measured: Mapping[str, Measured] = field(default_factory=dict)
    """For programs."""


def ok(seen: str, **measured: Measured) -> Finding:
    return Finding(Verdict.OK, seen, measured=measured)


def warning(seen: str, advice: str, **measured: Measured) -> Finding:
    return Finding(Verdict.WARNING, seen, advice, measured)


def error(seen: str, advice: str, **measured: Measured) -> Finding:
    return Finding(Verdict.ERROR, seen, advice, measured)


def not_applicable(seen: str) -> Finding:
    return Finding(Verdict.NOT_APPLICABLE, seen)


def unknown(seen: str, advice: str = "") -> Finding:
    return Finding(Verdict.UNKNOWN, seen, advice)


BESIDE_ALL = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Check:
    group: Group
    name: str
    look: Callable[[], Finding]
    """May block, and for ever: it gets a thread of its own and is left behind at its deadline."""
    deadline: float = 10.0
    """Seconds."""
    lane: str = BESIDE_ALL
    """Checks of one lane run one after the other, in their order."""
    wants_quiet: bool = False
    """It measures: it runs when those that only look are done."""
    when_silent: str = "try again; report it if it stays so"
    """What to do when the deadline comes first."""


@dataclass(frozen=True, slots=True)
class Result:
    check: Check
    finding: Finding
    took: float
    """Seconds."""

    @property
    def is_error(self) -> bool:
        return self.finding.verdict is Verdict.ERROR
