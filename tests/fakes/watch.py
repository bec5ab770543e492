"""A box whose looks are data: from each moment on it looks like this."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from agent.model.gpu_state import GpuSight, Look, Missing, Trouble
from agent.model.ids import Instant
from agent.ports import Clock

NOTHING = Look(sight=GpuSight(missing=(Missing(trouble=Trouble.NO_GPU, why="no GPU"),)))
SILENT = Look(sight=GpuSight(missing=(Missing(trouble=Trouble.SILENT, why="it hangs"),)))
PATIENCE = 5.0


@dataclass
class FakeWatch:
    clock: Clock
    looks: Mapping[float, Look] = field(default_factory=dict[float, Look])
    hangs: bool = False
    looked_at: list[Instant] = field(default_factory=list[Instant])

    async def look(self) -> Look:
        now = self.clock.now()
        self.looked_at.append(now)
        if self.hangs:
            await self.clock.sleep_until(Instant(now + PATIENCE))
            return SILENT
        begun = [when for when in self.looks if when <= now]
        return self.looks[max(begun)] if begun else NOTHING
