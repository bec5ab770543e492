"""What every observer must do: whatever it is told, it takes, at once and in any order."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from agent.edges.books import Books
from agent.edges.job_traffic import JobTraffic
from agent.edges.ledger import DiskLedger
from agent.edges.meter import Meter
from agent.model.ids import Bytes, JobId, Seconds
from agent.model.lease import Stage
from agent.ports import Observer, Unobserved
from tests.fakes.observer import FakeObserver

J1, J2 = JobId("j1"), JobId("j2")


@pytest.fixture(params=["fake", "nobody", "books", "books on a broken disk"])
def observer(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Observer]:
    match request.param:
        case "fake":
            yield FakeObserver()
        case "nobody":
            yield Unobserved()
        case kind:
            if kind != "books":
                (tmp_path / "state").write_text("a file where a folder should be")
            ledger = DiskLedger(tmp_path / "state" / "ledger", keep=Seconds(1.0))
            books = Books(ledger, JobTraffic(), Meter())
            yield books
            books.close()


def test_a_job_may_go_its_whole_way(observer: Observer) -> None:
    observer.job_taken(J1, "audio", Stage.DOWNLOADING)
    for stage in Stage:
        observer.job_moved(J1, stage)
        observer.job_paused(J1)
        observer.job_went_on(J1)
    observer.job_ended(J1, "completed", Bytes(7))


def test_a_job_may_end_that_was_never_taken(observer: Observer) -> None:
    observer.job_moved(J1, Stage.QUEUED)
    observer.job_paused(J1)
    observer.job_went_on(J1)
    observer.job_ended(J1, "lost")


def test_a_job_may_come_back_after_its_end(observer: Observer) -> None:
    for _ in range(2):
        observer.job_taken(J1, "audio", Stage.DOWNLOADING)
        observer.job_taken(J2, "text", Stage.UPLOADING)
        observer.job_ended(J1, "released")


def test_calls_and_ticks_may_come_at_any_time(observer: Observer) -> None:
    observer.call_ended("poll", "unavailable", "nobody\nthere")
    observer.ticked(Seconds(0.0))
    observer.call_ended("dance", "unheard of")
    observer.ticked(Seconds(1e6))
