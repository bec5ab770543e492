"""Where a person watches the jobs: progress bars on a terminal, nothing elsewhere."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from agent.model.ids import JobId
from agent.ports import Display, Report

if TYPE_CHECKING:
    # rich costs 40 ms and 4 MB: only a terminal pays for it.
    from rich.progress import Progress, TaskID

LONGEST_TITLE = 40


class Blank:
    """Nobody watches."""

    def job_moved(self, job_id: JobId, title: str, report: Report) -> None:
        """Show nothing."""

    def job_ended(self, job_id: JobId) -> None:
        """Show nothing."""


class Bars:
    """One bar for each held job."""

    def __init__(self, progress: "Progress") -> None:
        self._progress = progress
        self._bars: dict[JobId, TaskID] = {}

    def job_moved(self, job_id: JobId, title: str, report: Report) -> None:
        if job_id not in self._bars:
            self._bars[job_id] = self._progress.add_task("", total=1.0)
        said = report.message or report.stage.value
        self._progress.update(
            self._bars[job_id],
            completed=report.progress,
            description=f"{title[:LONGEST_TITLE]}  {said}",
        )

    def job_ended(self, job_id: JobId) -> None:
        bar = self._bars.pop(job_id, None)
        if bar is not None:
            self._progress.remove_task(bar)


@contextmanager
def display_on(*, is_terminal: bool) -> Iterator[Display]:
    if not is_terminal:
        yield Blank()
        return
    from rich.console import Console
    from rich.progress import Progress

    # Log lines go to stderr too: rich puts them above the bars.
    with Progress(console=Console(stderr=True), transient=True, redirect_stdout=False) as progress:
        yield Bars(progress)
