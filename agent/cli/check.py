"""One line of `doctor`."""

from dataclasses import dataclass
from enum import StrEnum


class State(StrEnum):
    OK = "ok"
    WARN = "warn"
    FAIL = "FAIL"


@dataclass(frozen=True, slots=True)
class Check:
    name: str
    state: State
    found: str
    advice: str = ""
    """What to do; only where something is not right."""
