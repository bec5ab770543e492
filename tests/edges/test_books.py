from dataclasses import dataclass, field
from functools import cached_property

import pytest

from agent.edges.books import BOOK_EVERY, Books
from agent.edges.job_traffic import JobTraffic
from agent.edges.ledger import DiskLedger, Spent
from agent.edges.meter import Meter
from agent.model.ids import Bytes, JobId, Seconds
from agent.model.lease import Stage

J1, J2 = JobId("j1"), JobId("j2")


class Rows(DiskLedger):
    """A ledger that keeps what it is given."""

    def __init__(self) -> None:
        self.booked: list[tuple[JobId, str, Spent]] = []
        self.ended: list[tuple[JobId, str, Bytes | None]] = []
        self.is_closed = False

    def book(self, job_id: JobId, content_type: str, spent: Spent) -> None:
        self.booked.append((job_id, content_type, spent))

    def end(self, job_id: JobId, outcome: str, size: Bytes | None) -> None:
        self.ended.append((job_id, outcome, size))

    def close(self) -> None:
        self.is_closed = True

    def total(self, job_id: JobId, cost: str) -> float:
        return sum(getattr(spent, cost) or 0 for of, _, spent in self.booked if of == job_id)


@dataclass
class Office:
    now: float = 0.0
    job: JobId | None = J1
    rows: Rows = field(default_factory=Rows)
    news: list[str] = field(default_factory=list[str])

    @cached_property
    def traffic(self) -> JobTraffic:
        return JobTraffic(lambda: self.job)

    @cached_property
    def meter(self) -> Meter:
        return Meter(now=lambda: self.now)

    @cached_property
    def books(self) -> Books:
        return Books(
            self.rows, self.traffic, self.meter, on_news=self.news.append, now=lambda: self.now
        )


@pytest.fixture
def office() -> Office:
    return Office()


def test_each_stage_is_booked_with_its_time(office: Office) -> None:
    books = office.books
    books.job_taken(J1, "audio", Stage.DOWNLOADING)
    for stage, seconds in ((Stage.QUEUED, 5.0), (Stage.PROCESSING, 1.0), (Stage.UPLOADING, 30.0)):
        office.now += seconds
        books.job_moved(J1, stage)
    office.now += 2.0
    books.job_ended(J1, "completed", Bytes(9))

    spent = {stage: office.rows.total(J1, stage.value) for stage in Stage}
    assert list(spent.values()) == [5.0, 1.0, 30.0, 2.0]
    assert books.seconds == {stage.value: seconds for stage, seconds in spent.items()}
    assert office.rows.ended == [(J1, "completed", 9)]


def test_a_pause_is_booked_nowhere(office: Office) -> None:
    books = office.books
    books.job_taken(J1, "audio", Stage.PROCESSING)
    office.now += 10.0
    books.job_paused(J1)
    for _ in range(3):
        office.now += BOOK_EVERY
        books.ticked(Seconds(0.0))
    books.job_went_on(J1)
    office.now += 5.0
    books.job_paused(J1)
    office.now += 100.0
    books.job_moved(J1, Stage.UPLOADING)
    office.now += 2.0
    books.job_ended(J1, "completed")

    assert office.rows.total(J1, "processing") == 15.0
    assert office.rows.total(J1, "uploading") == 2.0
    assert books.seconds[Stage.PROCESSING] == 15.0


def test_bytes_and_the_gpu_are_booked_to_their_job(office: Office) -> None:
    books = office.books
    books.job_taken(J1, "audio", Stage.PROCESSING)
    with office.meter.computing(J1, "0"):
        office.now += 10.0
        office.traffic.on_received(100)
        office.traffic.on_sent(7)
    books.job_ended(J1, "completed")

    costs = [office.rows.total(J1, cost) for cost in ("gpu", "received", "sent")]
    assert costs == [10.0, 100, 7]


def test_a_long_job_is_booked_every_minute(office: Office) -> None:
    office.books.job_taken(J1, "audio", Stage.PROCESSING)
    for _ in range(10):
        office.now += BOOK_EVERY / 2
        office.books.ticked(Seconds(0.0))

    assert office.rows.total(J1, "processing") == 5 * BOOK_EVERY
    assert len(office.rows.booked) == 1 + 5


def test_what_is_still_held_is_booked_at_the_end(office: Office) -> None:
    office.books.job_taken(J1, "audio", Stage.PROCESSING)
    office.now += 4.0

    office.books.close()

    assert office.rows.total(J1, "processing") == 4.0
    assert office.rows.is_closed


@pytest.mark.parametrize("ending", ["kept", "unheard"])
def test_a_job_that_a_later_start_goes_on_with_stays_open(office: Office, ending: str) -> None:
    office.books.job_taken(J1, "audio", Stage.UPLOADING)

    office.books.job_ended(J1, ending)

    assert office.rows.ended == []
    assert office.books.held == {}


def test_a_job_that_was_never_taken_counts_as_none_but_its_line_is_closed(office: Office) -> None:
    office.books.job_ended(J1, "lost")

    assert office.books.ended == {}
    assert office.rows.ended == [(J1, "lost", None)]


def test_jobs_are_counted_by_type_and_ending(office: Office) -> None:
    for name, ending in (("a", "completed"), ("b", "completed"), ("c", "failed")):
        office.books.job_taken(JobId(name), "audio", Stage.DOWNLOADING)
        office.books.job_ended(JobId(name), ending)

    assert office.books.ended == {("audio", "completed"): 2, ("audio", "failed"): 1}


def test_held_jobs_are_counted_by_stage(office: Office) -> None:
    office.books.job_taken(J1, "audio", Stage.DOWNLOADING)
    office.books.job_taken(J2, "audio", Stage.DOWNLOADING)
    office.books.job_moved(J2, Stage.PROCESSING)

    assert list(office.books.stages.values()) == [1, 0, 1, 0]


def test_the_worst_lag_of_the_last_ticks_is_told(office: Office) -> None:
    assert office.books.lag == 0.0
    for lag in (0.1, 3.0, 0.2):
        office.books.ticked(Seconds(lag))
    assert office.books.lag == 3.0

    for _ in range(20):
        office.books.ticked(Seconds(0.1))

    assert office.books.lag == 0.1


def test_one_line_says_what_the_agent_is_doing(office: Office) -> None:
    books = office.books
    lines = [books.line]
    books.call_ended("hello", "unavailable", "no route\nto host")
    lines.append(books.line)
    books.call_ended("hello", "answered")
    books.call_ended("poll", "nothing", "paused by the owner")
    lines.append(books.line)
    books.call_ended("poll", "offer")
    books.job_taken(J1, "audio", Stage.DOWNLOADING)
    books.job_taken(J2, "audio", Stage.PROCESSING)
    lines.append(books.line)
    books.job_ended(J1, "completed")
    books.job_ended(J2, "completed")
    lines.append(books.line)

    assert lines == [
        "asks the server for the first time",
        "the server does not answer: no route\ufffdto host",
        "idle: paused by the owner",
        "holds 1 downloading, 1 processing",
        "waits for work",
    ]
    assert [line for line in office.news if line in lines[1:]]
    assert office.news[-1] == "waits for work"
