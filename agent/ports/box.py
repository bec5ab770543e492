"""This machine: its children, what it can tell about itself, and who watches."""

from collections.abc import Callable
from typing import Protocol

from agent.model.hardware import Hardware
from agent.model.ids import JobId, JsonObject
from agent.model.work import Outcome, Progress, Task
from agent.ports.server import Report


class Pool(Protocol):
    async def run(self, task: Task, on_progress: Callable[[Progress], None]) -> Outcome:
        """Run `task` in a warm child, or in a fresh one if it is frugal.

        Cancelling kills the child and returns when it is dead.
        """
        ...

    async def rest(self) -> None:
        """End the idle children, and each other after its task, so that the GPU is free."""
        ...

    async def probe(self) -> str | None:
        """Rest no more: bring up fresh children. Why one cannot be brought up, or None."""
        ...


class Probe(Protocol):
    def hardware(self) -> Hardware: ...

    def health(self) -> JsonObject: ...


class Display(Protocol):
    """Where a person watches; all methods return at once."""

    def job_moved(self, job_id: JobId, title: str, report: Report) -> None: ...

    def job_ended(self, job_id: JobId) -> None: ...

    def paused(self, reason: str | None) -> None:
        """The agent takes nothing, or one job to see how it goes; None: it works again."""
        ...
