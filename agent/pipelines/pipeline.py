"""What every pipeline is to the rest: one entry point."""

from collections.abc import Callable
from typing import Protocol, TypeAlias, runtime_checkable

from agent.model.work import Produced, Progress, Task

Report: TypeAlias = Callable[[Progress], None]


class Pipeline(Protocol):
    def run(self, task: Task, report: Report) -> Produced:
        """Fill the task's output folder. Raises `PipelineError` for what the sender can understand.

        May be called again, with another task: what was loaded stays loaded.
        """


@runtime_checkable
class Keeper(Protocol):
    """A pipeline that keeps models loaded between two tasks."""

    @property
    def held(self) -> tuple[str, ...]:
        """What is loaded now, in words for a person."""

    def unload(self) -> None:
        """Let go of it all; the next task loads it again."""
