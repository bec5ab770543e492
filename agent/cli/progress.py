"""What a person sees while something moves: bars on a terminal, a line for each stage elsewhere."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Protocol

from agent.edges.display import Stopwatch, columns, printable, said_of

if TYPE_CHECKING:
    from rich.progress import Progress, TaskID


class Watcher(Protocol):
    def moved(
        self, name: str, stage: str, fraction: float | None = None, message: str = ""
    ) -> None:
        """`name` is in this stage; `fraction` of it is done, as far as that is known."""
        ...

    def ended(self, name: str, outcome: str, *, is_whole: bool) -> None:
        """Nothing more comes from `name`."""
        ...


class Lines:
    """One line for each new stage: logs and pipes."""

    def __init__(self) -> None:
        self._said: dict[str, str] = {}

    def moved(
        self, name: str, stage: str, fraction: float | None = None, message: str = ""
    ) -> None:
        del fraction
        self._say(name, said_of(stage, message))

    def ended(self, name: str, outcome: str, *, is_whole: bool) -> None:
        del is_whole
        self._say(name, said_of(outcome, ""))

    def _say(self, name: str, said: str) -> None:
        if self._said.get(name) != said:
            self._said[name] = said
            print(f"{printable(name)}: {said}", file=sys.stderr, flush=True)


class Bars:
    """One bar for each name, which starts again with each stage; its time does not."""

    def __init__(self, progress: "Progress") -> None:
        self._progress = progress
        self._tasks: dict[str, TaskID] = {}
        self._stages: dict[str, str] = {}
        self._since: dict[str, Stopwatch] = {}

    def moved(
        self, name: str, stage: str, fraction: float | None = None, message: str = ""
    ) -> None:
        task = self._task(name)
        is_new = self._stages.get(name) != stage
        self._stages[name] = stage
        completed = 0.0 if fraction is None and is_new else fraction
        self._progress.update(task, completed=completed, said=said_of(stage, message))

    def ended(self, name: str, outcome: str, *, is_whole: bool) -> None:
        task = self._task(name)
        self._since[name].stop()
        self._progress.update(task, completed=1.0 if is_whole else None, said=said_of(outcome, ""))

    def _task(self, name: str) -> "TaskID":
        if name not in self._tasks:
            since = self._since[name] = Stopwatch()
            self._tasks[name] = self._progress.add_task(
                printable(name), total=1.0, said="", since=since
            )
        return self._tasks[name]


@contextmanager
def watching() -> Iterator[Watcher]:
    """On standard error: the results alone go to standard output."""
    if not sys.stderr.isatty():
        yield Lines()
        return
    from rich.console import Console
    from rich.progress import Progress

    with Progress(*columns(), console=Console(stderr=True)) as progress:
        yield Bars(progress)
