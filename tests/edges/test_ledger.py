import signal
import sqlite3
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from agent.edges import ledger
from agent.edges.ledger import DAY, DiskLedger, Spent
from agent.edges.ledger_report import LedgerReport, Line, Step, report
from agent.model.errors import SpoolError
from agent.model.ids import Bytes, JobId, Seconds

J1, J2 = JobId("j1"), JobId("j2")
NOON = 1_793_534_400.0
"""Some noon, in seconds since 1970."""
YEAR = 365 * DAY


@dataclass
class Desk:
    """A ledger, and the clock on the wall above it."""

    path: Path
    now: float = NOON
    keep: float = 400 * DAY

    def open(self) -> DiskLedger:
        return DiskLedger(self.path, keep=Seconds(self.keep), wall=lambda: self.now)

    def end(self, name: str, outcome: str = "completed", **spent: float) -> None:
        """One start, in which one job is done."""
        written = self.open()
        written.book(JobId(name), "audio", a_cost(**spent))
        written.end(JobId(name), outcome, Bytes(10))
        written.close()

    def report(self, step: Step = "job", since: float = 0.0) -> LedgerReport:
        return report(self.path, step, since)


def a_cost(**spent: float) -> Spent:
    cost = Spent()
    for name, value in spent.items():
        setattr(cost, name, value)
    return cost


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    return Desk(tmp_path / "state" / "spool.ledger")


def only(found: LedgerReport) -> Line:
    (line,) = found.lines
    return line


def test_an_ended_job_has_a_line_with_all_it_cost(desk: Desk) -> None:
    written = desk.open()
    written.book(J1, "audio", a_cost(downloading=2.0, received=100))
    written.book(J1, "audio", a_cost(processing=30.0, gpu=30.0, joules=6000.0))
    written.book(J1, "audio", a_cost(uploading=1.0, sent=20))
    written.end(J1, "completed", Bytes(20))
    written.close()

    line = only(desk.report())

    assert (line.job_id, line.content_type, line.outcomes, line.size) == (
        "j1",
        "audio",
        {"completed": 1},
        20,
    )
    assert line.spent == a_cost(
        downloading=2.0,
        processing=30.0,
        uploading=1.0,
        gpu=30.0,
        joules=6000.0,
        received=100,
        sent=20,
    )


def test_a_card_that_never_told_has_no_energy_and_not_zero(desk: Desk) -> None:
    desk.end("j1", processing=3.0)

    assert only(desk.report()).spent.joules is None
    assert only(desk.report("day")).spent.joules is None


def test_a_job_that_is_held_shows_with_what_it_cost_so_far(desk: Desk) -> None:
    written = desk.open()
    written.book(J1, "audio", a_cost(downloading=2.0))
    written.close()

    line = only(desk.report())

    assert line.outcomes == {"held": 1}
    assert line.spent.downloading == 2.0


def test_the_start_that_goes_on_with_a_job_goes_on_with_its_line(desk: Desk) -> None:
    for seconds in (2.0, 3.0):
        written = desk.open()
        written.book(J1, "audio", a_cost(downloading=seconds))
        written.close()
    desk.end("j1", downloading=4.0)

    assert only(desk.report()).spent.downloading == 9.0


def test_a_job_that_comes_again_after_its_end_gets_a_line_of_its_own(desk: Desk) -> None:
    desk.end("j1", "released", processing=1.0)
    desk.end("j1", "completed", processing=2.0)

    spent = [(line.outcomes, line.spent.processing) for line in desk.report().lines]
    assert spent == [({"released": 1}, 1.0), ({"completed": 1}, 2.0)]


def test_an_end_without_a_line_is_nothing(desk: Desk) -> None:
    written = desk.open()
    written.end(J1, "lost", None)
    written.close()

    assert desk.report().lines == ()


def test_days_and_months_are_summed_by_the_clock_on_the_wall(desk: Desk) -> None:
    desk.end("j1", processing=1.0)
    desk.end("j2", "failed", processing=2.0)
    desk.now += DAY
    desk.end("j3", processing=4.0, joules=5.0)
    desk.now += 40 * DAY
    desk.end("j4", processing=8.0)

    days, months = desk.report("day"), desk.report("month")

    assert [(line.jobs, line.spent.processing) for line in days.lines] == [
        (2, 3.0),
        (1, 4.0),
        (1, 8.0),
    ]
    assert days.lines[0].outcomes == {"completed": 1, "failed": 1}
    assert [(line.jobs, line.spent.processing) for line in months.lines] == [(3, 7.0), (1, 8.0)]
    assert months.total.spent.processing == days.total.spent.processing == 15.0
    assert months.total.spent.joules == 5.0


def test_what_ended_before_the_day_asked_for_is_left_out(desk: Desk) -> None:
    desk.end("j1")
    desk.now += 3 * DAY
    desk.end("j2")

    for step in ("job", "day", "month"):
        assert desk.report(step, since=desk.now - DAY).total.jobs == 1


def test_old_jobs_become_sums_of_their_days_and_nothing_is_lost(desk: Desk) -> None:
    desk.end("j1", processing=1.0, joules=3.0)
    desk.end("j2", processing=2.0)
    desk.now += 2 * YEAR
    desk.end("j3", processing=4.0)

    days, jobs = desk.report("day"), desk.report()

    assert [line.spent.processing for line in days.lines] == [3.0, 4.0]
    assert days.total.spent.joules == 3.0
    assert [line.job_id for line in jobs.lines] == ["j3"]
    assert jobs.summed_until == days.lines[0].when


def test_more_jobs_than_the_file_is_for_are_summed_before_their_time(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ledger, "_CROWD", ledger._CROWD.replace("200000", "2"))
    for number in range(5):
        desk.now += 1.0
        desk.end(f"j{number}", processing=1.0)

    assert len(desk.report().lines) == 3
    assert desk.report("day").total.jobs == 5
    assert desk.report("day").total.spent.processing == 5.0


def test_years_of_work_stay_small(desk: Desk) -> None:
    desk.keep = 10 * DAY
    for _ in range(300):
        desk.now += DAY
        desk.end("j1", processing=1.0)

    assert desk.report("day").total.jobs == 300
    assert desk.path.stat().st_size < 100_000


def test_a_damaged_ledger_is_set_aside_and_a_new_one_begun(desk: Desk) -> None:
    desk.path.parent.mkdir()
    desk.path.write_bytes(b"no database " * 1000)

    with capture_logs() as lines:
        desk.end("j1")

    assert only(desk.report()).job_id == "j1"
    assert [line["event"] for line in lines] == ["ledger.set_aside"]
    assert len(list(desk.path.parent.glob("spool.ledger.damaged-*"))) == 1


def test_a_ledger_that_cannot_be_written_is_told_and_stops_nobody(tmp_path: Path) -> None:
    (tmp_path / "state").write_text("in the way")
    desk = Desk(tmp_path / "state" / "spool.ledger")

    with capture_logs() as lines:
        desk.end("j1")

    assert {line["event"] for line in lines} == {"ledger.not_written"}


def test_a_ledger_that_was_never_begun_is_empty_and_stays_unmade(desk: Desk) -> None:
    assert desk.report("day").lines == ()
    assert not desk.path.exists()


def test_a_ledger_that_cannot_be_read_is_told(desk: Desk) -> None:
    desk.path.parent.mkdir()
    desk.path.write_bytes(b"no database " * 1000)

    with pytest.raises(SpoolError, match="cannot be read"):
        desk.report()


def test_it_can_be_read_while_an_agent_writes(desk: Desk) -> None:
    written = desk.open()
    written.book(J1, "audio", a_cost(downloading=2.0))
    written._writer.submit(int).result()

    assert only(desk.report()).job_id == "j1"
    written.close()


def test_an_agent_that_has_nothing_to_write_opens_no_database() -> None:
    code = (
        "import sys; from pathlib import Path; from agent.edges.ledger import DiskLedger;"
        "DiskLedger(Path('x'), keep=1.0).close(); print('sqlite3' in sys.modules)"
    )

    told = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert told.stdout == "False\n"


WRITES = """
import sys
from pathlib import Path
from agent.edges.ledger import DiskLedger, Spent
ledger = DiskLedger(Path(sys.argv[1]), keep=1e9)
for number in range(10**6):
    ledger.book(f"j{number}", "audio", Spent(processing=1.0))
    ledger.end(f"j{number}", "completed", 10)
    ledger._writer.submit(print, number, flush=True).result()
"""


def test_kill_minus_9_takes_nothing_that_was_written(desk: Desk) -> None:
    for _ in range(3):
        with subprocess.Popen(
            [sys.executable, "-c", WRITES, str(desk.path)], stdout=subprocess.PIPE, text=True
        ) as process:
            assert process.stdout is not None
            lines = [process.stdout.readline() for _ in range(20)]
            process.send_signal(signal.SIGKILL)
        assert lines[-1] == "19\n"

    found = desk.report("day").total
    assert found.outcomes["completed"] >= 60
    with sqlite3.connect(desk.path) as database:
        assert database.execute("PRAGMA integrity_check").fetchone() == ("ok",)
    database.close()
