"""What keeps the agent from working, and how far it steps back for it."""

from dataclasses import dataclass
from enum import IntEnum

from agent.model.ids import Instant


class Rung(IntEnum):
    """The ladder: each rung includes those below it."""

    WORK = 0
    TAKE_NOTHING = 1
    """What is held is finished."""
    PAUSE = 2
    """Computing waits at the next safe point, and its models leave the GPU."""
    HAND_BACK = 3
    """The child is ended and its job handed back."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Restraint:
    rung: Rung
    why: str
    """For the owner, in one line."""
    told: str = ""
    """For the server, where that is not to know as much; empty: the same."""
    until: Instant | None = None
    """When it is expected to end by itself, where that is known."""
    devices: frozenset[str] | None = None
    """The UUIDs of the GPUs that it is about; None: the whole box."""

    @property
    def public(self) -> str:
        return self.told or self.why
