"""What every display must do: whatever it is told, it takes, and at once."""

from collections.abc import Callable
from io import StringIO

import pytest
from rich.console import Console
from rich.progress import Progress

from agent.edges.display import Bars, Blank
from agent.model.ids import JobId
from agent.model.lease import Stage
from agent.ports import Display, Report
from tests.fakes.display import FakeDisplay

J1, J2 = JobId("j1"), JobId("j2")


def bars() -> Bars:
    return Bars(Progress(console=Console(file=StringIO())))


@pytest.fixture(params=[FakeDisplay, Blank, bars])
def display(request: pytest.FixtureRequest) -> Display:
    make: Callable[[], Display] = request.param
    return make()


def test_a_job_may_move_back_and_forth(display: Display) -> None:
    for progress in (0.0, 1.0, 0.0, 0.5):
        display.job_moved(J1, "a.mp3", Report(Stage.PROCESSING, progress, "[bold]half"))


def test_a_job_may_end_without_having_moved(display: Display) -> None:
    display.job_ended(J1)


def test_a_pause_may_change_its_reason_and_end_twice(display: Display) -> None:
    for reason in ("broken", "[bold]still broken", None, None, "again"):
        display.paused(reason)


def test_a_job_may_come_back_after_its_end(display: Display) -> None:
    display.job_moved(J1, "a.mp3", Report(Stage.DOWNLOADING, 0.0))
    display.job_moved(J2, "b.mp3", Report(Stage.DOWNLOADING, 0.0))

    display.job_ended(J1)
    display.job_moved(J1, "a.mp3", Report(Stage.DOWNLOADING, 0.0))
    display.job_ended(J1)
    display.job_ended(J2)
