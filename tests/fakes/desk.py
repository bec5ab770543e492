"""A desk that does what it is asked and remembers it."""

from dataclasses import dataclass, field

from agent.model.control import Answer, AskDrain, AskPause, AskResume, Done
from agent.model.snapshot import Snapshot
from tests.snapshots import IDLE


@dataclass
class FakeDesk:
    snapshot: Snapshot = IDLE
    looks: int = 0
    done: list[AskPause | AskResume | AskDrain] = field(
        default_factory=list[AskPause | AskResume | AskDrain]
    )

    def look(self) -> Snapshot:
        self.looks += 1
        return self.snapshot

    async def do(self, request: AskPause | AskResume | AskDrain) -> Answer:
        self.done.append(request)
        return Done(snapshot=self.snapshot)
