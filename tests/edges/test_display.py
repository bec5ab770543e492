import io
import sys
import time

import pytest
from rich.console import Console
from rich.progress import Progress

from agent.edges.display import Bars, Blank, columns, display_on, in_words, printable
from agent.model.ids import JobId
from agent.model.lease import Stage
from agent.ports import Report

J1 = JobId("j1")


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("Grüße 🎙 [b] 漢字.mp3", "Grüße 🎙 [b] 漢字.mp3"),
        ("a\nb\tc\r", "a�b�c�"),
        ("\x1b[2Jgone", "�[2Jgone"),
        ("\x9b31m\x7f", "�31m�"),
        ("line\u2028paragraph\u2029", "line�paragraph�"),
        ("exe.\u202e3pm", "exe.�3pm"),
        ("not utf-8 \udcff", "not utf-8 �"),
    ],
)
def test_what_others_wrote_gives_the_terminal_no_commands(text: str, shown: str) -> None:
    assert printable(text) == shown


@pytest.mark.parametrize(
    ("seconds", "words"),
    [(0.04, "0.0 s"), (3.14, "3.1 s"), (12.9, "12 s"), (65, "1:05"), (3723, "1:02:03")],
)
def test_times_are_told_as_people_do(seconds: float, words: str) -> None:
    assert in_words(seconds) == words


def shown(progress: Progress) -> str:
    console = Console(file=io.StringIO(), width=100)
    with console.capture() as captured:
        console.print(progress.get_renderable())
    return captured.get()


def test_a_bar_tells_stage_message_share_and_the_time_since_it_began(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    now = [100.0]
    monkeypatch.setattr(time, "monotonic", lambda: now[0])
    progress = Progress(*columns(), console=Console(file=io.StringIO()))
    bars = Bars(progress)

    bars.job_moved(J1, "[a]\x1b.mp3", Report(Stage.DOWNLOADING, 1.0))
    now[0] += 65.0
    bars.job_moved(J1, "[a]\x1b.mp3", Report(Stage.PROCESSING, 0.25, "transcribing"))

    line = shown(progress)
    assert line.startswith("[a]�.mp3 processing: transcribing ")
    assert "25%" in line
    assert line.rstrip().endswith("1:05")


def test_a_pause_is_shown_with_its_reason_until_it_ends() -> None:
    progress = Progress(*columns(), console=Console(file=io.StringIO()))
    bars = Bars(progress)

    bars.paused("no GPU")
    bars.paused("still no GPU\x1b")
    during = shown(progress)
    bars.paused(None)

    assert during.startswith("paused still no GPU\ufffd ")
    assert during.count("paused") == 1
    assert "paused" not in shown(progress)


def test_off_a_terminal_nothing_is_shown() -> None:
    with display_on(is_terminal=False) as display:
        assert isinstance(display, Blank)


def test_on_a_terminal_bars_are_shown_and_wiped_at_the_end(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    class Terminal(io.StringIO):
        def isatty(self) -> bool:
            return True

    terminal = Terminal()
    monkeypatch.setattr(sys, "stderr", terminal)

    with display_on(is_terminal=True) as display:
        display.job_moved(J1, "a.mp3", Report(Stage.PROCESSING, 0.5, "transcribing"))

    assert "processing: transcribing" in terminal.getvalue()
