"""This machine: its children, what it can tell about itself, and who watches."""

from collections.abc import Callable
from typing import Protocol

from agent.model.hardware import Hardware
from agent.model.ids import JobId, JsonObject
from agent.model.stance import Stance
from agent.model.work import Outcome, Progress, Task
from agent.ports.server import Report


class Pool(Protocol):
    @property
    def devices(self) -> tuple[str | None, ...]:
        """The GPU of each place; None where a task is computed on no GPU of its own."""
        ...

    @property
    def open_places(self) -> int:
        """How many tasks it takes; a place that has stepped back counts while a task is in it."""
        ...

    async def run(self, task: Task, on_progress: Callable[[Progress], None]) -> Outcome:
        """Run `task` in a warm child, or in a fresh one if it is frugal.

        Cancelling kills the child and returns when it is dead. A task whose place steps back
        waits at a safe point, tells so by its progress, and computes on from there; or it is
        `Returned`, which is no fault of the box.
        """
        ...

    async def stand(self, stance: Stance) -> None:
        """Step back or go on, each place as `stance` has it for its device.

        Returns when the memory of the GPUs that it is to leave is free, within 5 s. Cancelling
        ends only the wait.
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
