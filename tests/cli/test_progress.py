import io
import sys
import time

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
    assert (task.completed, task.fields["said"]) == (0.25, "processing")


def test_a_bar_that_has_ended_tells_the_time_of_all_stages(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    now = [100.0]
    monkeypatch.setattr(time, "monotonic", lambda: now[0])
    progress = Progress(console=Console(file=io.StringIO()))
    bars = Bars(progress)

    bars.moved("a.mp3", "sending", 1.0)
    now[0] += 3.0
    bars.moved("a.mp3", "processing", 0.25)
    now[0] += 9.0
    bars.ended("a.mp3", "completed", is_whole=True)
    now[0] += 50.0

    (task,) = progress.tasks
    shown = (task.percentage, task.fields["said"], str(task.fields["since"]))
    assert shown == (100, "completed", "12 s")


def test_what_failed_is_not_shown_as_done() -> None:
    progress = Progress(console=Console(file=io.StringIO()))
    bars = Bars(progress)

    bars.moved("a.mp3", "processing", 0.25)
    bars.ended("a.mp3", "failed", is_whole=False)

    (task,) = progress.tasks
    assert (task.completed, task.fields["said"]) == (0.25, "failed")


def test_what_the_pipeline_says_stands_behind_the_stage(
    capsys: pytest.CaptureFixture[str],
) -> None:
    progress = Progress(console=Console(file=io.StringIO()))
    for watcher in (Bars(progress), Lines()):
        watcher.moved("a.mp3", "processing", 0.25, "transcribing")

    assert progress.tasks[0].fields["said"] == "processing: transcribing"
    assert capsys.readouterr().err == "a.mp3: processing: transcribing\n"


def test_a_name_gives_the_terminal_no_commands(capsys: pytest.CaptureFixture[str]) -> None:
    Lines().moved("\x1b]0;owned\x07\n.mp3", "sending")

    assert capsys.readouterr().err == "\ufffd]0;owned\ufffd\ufffd.mp3: sending\n"
