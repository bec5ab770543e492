"""Where a person watches the jobs: progress bars on a terminal, nothing elsewhere."""

import time
import unicodedata
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from agent.model.ids import JobId
from agent.ports import Display, Report

if TYPE_CHECKING:
    # rich costs 40 ms and 4 MB: only a terminal pays for it.
    from rich.progress import Progress, ProgressColumn, TaskID

LONGEST_TITLE = 40
A_LITTLE = 10.0
"""Seconds that are told with their tenths."""
REPLACEMENT = "\ufffd"
_COMMANDS = frozenset({"Cc", "Cs", "Zl", "Zp"})
"""Control characters, halves of pairs, and what ends a line or a paragraph."""
_TURNS = frozenset("\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069\u061c")
"""They change the direction of what follows: `exe.3pm` is read as `mp3.exe`."""


def printable(text: str) -> str:
    """`text` on one line, without anything that a terminal obeys instead of showing it.

    For whatever others wrote: file names, messages, labels.
    """
    if text.isascii() and text.isprintable():
        return text
    return "".join(REPLACEMENT if _is_command(char) else char for char in text)


def _is_command(char: str) -> bool:
    return unicodedata.category(char) in _COMMANDS or char in _TURNS


def in_words(seconds: float) -> str:
    """`0.4 s`, `12 s`, `1:05`, `1:02:03`."""
    if seconds < A_LITTLE:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(int(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    if hours:
        return f"{hours}:{minutes:02}:{rest:02}"
    return f"{minutes}:{rest:02}" if minutes else f"{rest} s"


class Stopwatch:
    """Says how long something has been going on, also while nothing is told about it."""

    def __init__(self) -> None:
        self._began = time.monotonic()
        self._stopped: float | None = None

    def stop(self) -> None:
        self._stopped = time.monotonic()

    def __str__(self) -> str:
        now = time.monotonic() if self._stopped is None else self._stopped
        return in_words(now - self._began)


def columns() -> "tuple[ProgressColumn, ...]":
    """Who, what, how far and since when; no forecast: it would be wrong in each new stage."""
    from rich.progress import BarColumn, TextColumn

    shown: tuple[ProgressColumn, ...] = (
        TextColumn("{task.description}", markup=False),
        TextColumn("{task.fields[said]}", style="dim", markup=False),
        BarColumn(),
        TextColumn("{task.percentage:>3.0f}%"),
        TextColumn("{task.fields[since]}"),
    )
    return shown


def said_of(stage: str, message: str) -> str:
    """The stage, and behind it what the pipeline says it is doing."""
    return printable(f"{stage}: {message}" if message else stage)


class Blank:
    """Nobody watches."""

    def job_moved(self, job_id: JobId, title: str, report: Report) -> None:
        """Show nothing."""

    def job_ended(self, job_id: JobId) -> None:
        """Show nothing."""

    def paused(self, reason: str | None) -> None:
        """Show nothing."""


class Bars:
    """One bar for each held job, and one while the agent pauses itself."""

    def __init__(self, progress: "Progress") -> None:
        self._progress = progress
        self._bars: dict[JobId, TaskID] = {}
        self._pause: TaskID | None = None

    def job_moved(self, job_id: JobId, title: str, report: Report) -> None:
        said = said_of(report.stage.value, report.message)
        if job_id not in self._bars:
            name = printable(title[:LONGEST_TITLE])
            self._bars[job_id] = self._progress.add_task(
                name, total=1.0, said=said, since=Stopwatch()
            )
        self._progress.update(self._bars[job_id], completed=report.progress, said=said)

    def job_ended(self, job_id: JobId) -> None:
        bar = self._bars.pop(job_id, None)
        if bar is not None:
            self._progress.remove_task(bar)

    def paused(self, reason: str | None) -> None:
        if self._pause is not None:
            self._progress.remove_task(self._pause)
        self._pause = None
        if reason is not None:
            said = printable(reason)
            self._pause = self._progress.add_task("paused", total=1.0, said=said, since=Stopwatch())


@contextmanager
def display_on(*, is_terminal: bool) -> Iterator[Display]:
    if not is_terminal:
        yield Blank()
        return
    from rich.console import Console
    from rich.progress import Progress

    # Log lines go to stderr too: rich puts them above the bars.
    with Progress(
        *columns(), console=Console(stderr=True), transient=True, redirect_stdout=False
    ) as progress:
        yield Bars(progress)
