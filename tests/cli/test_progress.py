import io
import sys

import pytest
from rich.console import Console
from rich.progress import Progress

from agent.cli.progress import Bars, Lines, watching


def test_off_a_terminal_each_stage_is_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    with watching() as watcher:
        watcher.moved("a.mp3", "sending", 0.1)
        watcher.moved("a.mp3", "sending", 0.9)
        watcher.moved("a.mp3", "processing")

    assert isinstance(watcher, Lines)
    assert capsys.readouterr().err.splitlines() == ["a.mp3: sending", "a.mp3: processing"]


class _Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_on_a_terminal_there_are_bars(monkeypatch: pytest.MonkeyPatch) -> None:
    terminal = _Terminal()
    monkeypatch.setattr(sys, "stderr", terminal)

    with watching() as watcher:
        watcher.moved("[a].mp3", "sending", 0.5)

    assert isinstance(watcher, Bars)
    assert "[a].mp3" in terminal.getvalue()
    assert "50%" in terminal.getvalue()


def test_a_bar_begins_again_with_each_stage() -> None:
    progress = Progress(console=Console(file=io.StringIO()))
    bars = Bars(progress)

    bars.moved("a.mp3", "sending", 1.0)
    bars.moved("a.mp3", "queued")
    waiting = progress.tasks[0].completed
    bars.moved("a.mp3", "processing", 0.25)

    (task,) = progress.tasks
    assert waiting == 0
    assert (task.completed, task.fields["stage"]) == (0.25, "processing")
