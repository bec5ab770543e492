"""On which rung of the ladder each GPU of the box stands, and why."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from agent.model.restraint import Rung


@dataclass(frozen=True, slots=True)
class Step:
    rung: Rung = Rung.WORK
    why: str = ""
    """For the owner, in one line; empty at work."""
    told: str = ""
    """For the server, where that is not to know as much; empty: the same."""
    finishes: bool = False
    """What is held already is computed all the same."""

    @property
    def is_open(self) -> bool:
        """May a job that is held begin there."""
        return self.rung is Rung.WORK or self.finishes

    @property
    def public(self) -> str:
        return self.told or self.why


AT_WORK = Step()


@dataclass(frozen=True, slots=True)
class Stance:
    steps: Mapping[str | None, Step] = field(default_factory=dict[str | None, Step])
    """By the name of the device; under None, what is computed on no GPU of its own."""

    def of(self, device: str | None) -> Step:
        return self.steps.get(device, AT_WORK)

    @property
    def is_open(self) -> bool:
        """May a job that is held begin somewhere."""
        return any(step.is_open for step in self.steps.values()) or not self.steps

    @property
    def whole(self) -> Step:
        """What all of the box does; some of its GPUs may have stepped back further."""
        return min(self.steps.values(), key=lambda step: step.rung, default=AT_WORK)
