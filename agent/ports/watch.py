"""Looking at the box: GPUs, who uses them, and the owner."""

from typing import Protocol

from agent.model.gpu_state import Look


class Watch(Protocol):
    async def look(self) -> Look:
        """Answers within seconds, also when a driver hangs, and never fails: trouble is told."""
        ...
