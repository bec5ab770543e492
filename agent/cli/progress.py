"""What a person sees while something moves: bars on a terminal, a line for each stage elsewhere."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from rich.progress import Progress, TaskID


class Watcher(Protocol):
    def moved(self, name: str, stage: str, fraction: float | None = None) -> None:
        """`name` is in this stage; `fraction` of it is done, as far as that is known."""
        ...


class Lines:
    """One line for each new stage: logs and pipes."""

    def __init__(self) -> None:
        self._stages: dict[str, str] = {}

    def moved(self, name: str, stage: str, fraction: float | None = None) -> None:
        del fraction
        if self._stages.get(name) != stage:
            self._stages[name] = stage
            print(f"{name}: {stage}", file=sys.stderr, flush=True)


class Bars:
    """One bar for each name, which starts again with each stage."""

    def __init__(self, progress: "Progress") -> None:
        self._progress = progress
        self._tasks: dict[str, TaskID] = {}
        self._stages: dict[str, str] = {}

    def moved(self, name: str, stage: str, fraction: float | None = None) -> None:
        if name not in self._tasks:
            self._tasks[name] = self._progress.add_task(name, total=1.0, stage=stage)
        task = self._tasks[name]
        if self._stages.get(name) != stage:
            self._stages[name] = stage
            self._progress.reset(task, stage=stage)
        if fraction is not None:
            self._progress.update(task, completed=fraction)


@contextmanager
def watching() -> Iterator[Watcher]:
    """On standard error: the results alone go to standard output."""
    if not sys.stderr.isatty():
        yield Lines()
        return
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

    columns = (
        TextColumn("{task.description}", markup=False),
        TextColumn("{task.fields[stage]}", style="dim", markup=False),
        BarColumn(),
        TextColumn("{task.percentage:>3.0f}%"),
        TimeElapsedColumn(),
    )
    with Progress(*columns, console=Console(stderr=True)) as progress:
        yield Bars(progress)
