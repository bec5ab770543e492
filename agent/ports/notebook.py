"""What an agent remembers from start to start."""

from typing import Protocol

from agent.model.ids import JsonObject


class Notebook(Protocol):
    """One small note on disk."""

    async def read(self) -> JsonObject:
        """What was written last; empty if nothing was, or if it cannot be read any more."""
        ...

    async def write(self, note: JsonObject) -> None:
        """A crash leaves the old note or the new one. `SpoolError` where the disk refuses."""
        ...
