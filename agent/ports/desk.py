"""The owner's desk: who asks, and who answers."""

from typing import Protocol

from agent.model.control import Answer, AskDrain, AskPause, AskResume
from agent.model.pause import Pause, Reading
from agent.model.snapshot import Snapshot


class Desk(Protocol):
    def look(self) -> Snapshot:
        """Return at once."""
        ...

    async def do(self, request: AskPause | AskResume | AskDrain) -> Answer:
        """What is answered holds already, and outlasts a restart if it should."""
        ...


class PauseNote(Protocol):
    """Where the owner's pause outlasts a restart."""

    def read(self) -> Pause | None:
        """What was written last; what cannot be read is told in the log and counts as nothing."""
        ...

    async def write(self, pause: Pause | None) -> None:
        """On disk when this returns. `SpoolError` where the disk refuses."""
        ...


class Clocks(Protocol):
    def reading(self) -> Reading:
        """Both clocks of the machine, read at once; `steady` is the one of the port `Clock`."""
        ...
