"""A notebook in memory; the disk below it may be full."""

from dataclasses import dataclass, field

from agent.model.errors import SpoolError
from agent.model.ids import JsonObject


@dataclass
class FakeNotebook:
    note: JsonObject = field(default_factory=dict)
    writes: int = 0
    is_full: bool = False

    async def read(self) -> JsonObject:
        return dict(self.note)

    async def write(self, note: JsonObject) -> None:
        if self.is_full:
            raise SpoolError("no space left on the disk")
        self.writes += 1
        self.note = dict(note)
