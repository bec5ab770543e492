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
    def whole(self) -> Step:
        """What all of the box does; some of its GPUs may have stepped back further."""
        return min(self.steps.values(), key=lambda step: step.rung, default=AT_WORK)
