"""Both clocks on the loop's own time; the one on the wall can be set."""

from dataclasses import dataclass

from agent.model.pause import Reading
from tests.snapshots import NOON
from tests.virtual_time import LoopClock


@dataclass
class FakeClocks:
    clock: LoopClock
    offset: float = NOON
    """Of the wall from the steady clock."""
    boot: str = "first"

    def reading(self) -> Reading:
        now = self.clock.now()
        return Reading(steady=now, wall=now + self.offset, boot=self.boot)
