"""A note in memory."""

from dataclasses import dataclass

from agent.model.errors import DiskFullError
from agent.model.pause import Pause


@dataclass
class FakePauseNote:
    pause: Pause | None = None
    is_full: bool = False

    def read(self) -> Pause | None:
        return self.pause

    async def write(self, pause: Pause | None) -> None:
        if self.is_full:
            raise DiskFullError("no space left on the disk for the note")
        self.pause = pause
