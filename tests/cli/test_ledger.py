import csv
import json
from datetime import datetime, timedelta
from functools import partial
from io import StringIO
from pathlib import Path

import pytest

from agent.cli import main
from agent.cli.ledger import moment
from agent.edges.ledger import DAY, DiskLedger, Spent
from agent.model.ids import Bytes, JobId, Seconds

NOON = datetime(2026, 11, 2, 12).astimezone().timestamp()


@pytest.fixture
def spool(tmp_path: Path) -> str:
    """Of an agent that has done three jobs on two days, one of them on a GPU that counts."""
    at = NOON
    ledger = DiskLedger(tmp_path / "spool.ledger", keep=Seconds(1e10), wall=lambda: at)
    done = (
        (
            "j1",
            "completed",
            Spent(processing=7200.0, gpu=7200.0, joules=3.6e6, received=Bytes(10**9)),
        ),
        ("j2", "failed", Spent(processing=30.0)),
        ("[b]j3", "released", Spent(downloading=5.0, received=Bytes(1500))),
    )
    for name, outcome, spent in done:
        ledger.book(JobId(name), "audio", spent)
        ledger.end(JobId(name), outcome, Bytes(400))
        at += 0.6 * DAY
    ledger.close()
    return str(tmp_path / "spool")


def told(capsys: pytest.CaptureFixture[str], spool: str, *words: str) -> str:
    assert main(["ledger", "--spool", spool, *words]) == 0
    return capsys.readouterr().out


def cells(text: str) -> list[list[str]]:
    return [line.split() for line in text.splitlines() if line.strip()]


def test_each_day_has_a_line_and_all_have_a_total(
    spool: str, capsys: pytest.CaptureFixture[str]
) -> None:
    head, *days, total = cells(told(capsys, spool))

    assert head[:5] == ["when", "jobs", "completed", "failed", "other"]
    assert [day[:5] for day in days] == [
        ["2026-11-02", "1", "1", "0", "0"],
        ["2026-11-03", "2", "0", "1", "1"],
    ]
    assert total[:5] == ["total", "3", "1", "1", "1"]
    assert " ".join(days[0][5:]) == "2.00 h 2.00 h 1.000 1.0 GB 0 B 400 B"
    assert " ".join(days[1][5:]) == "30.0 s 0.0 s ? 1.5 kB 0 B 800 B"


def test_months_are_summed_too(spool: str, capsys: pytest.CaptureFixture[str]) -> None:
    _, month, _ = cells(told(capsys, spool, "--by", "month"))

    assert month[:2] == ["2026-11", "3"]


def test_each_job_can_be_seen_whatever_it_is_called(
    spool: str, capsys: pytest.CaptureFixture[str]
) -> None:
    text = told(capsys, spool, "--by", "job")

    assert "j1" in text
    assert "[b]j3" in text
    assert "released" in text
    assert "3 jobs" in text


def test_what_ended_before_a_day_is_left_out(
    spool: str, capsys: pytest.CaptureFixture[str]
) -> None:
    _, day, _ = cells(told(capsys, spool, "--since", "2026-11-03"))

    assert day[:2] == ["2026-11-03", "2"]


def test_csv_has_plain_numbers_a_head_and_no_total(
    spool: str, capsys: pytest.CaptureFixture[str]
) -> None:
    rows = list(csv.DictReader(StringIO(told(capsys, spool, "--csv", "--by", "job"))))

    assert [row["job_id"] for row in rows] == ["j1", "j2", "[b]j3"]
    first = rows[0]
    assert (first["outcome"], first["processing_s"], first["gpu_s"]) == (
        "completed",
        "7200",
        "7200",
    )
    assert (first["joules"], first["received_bytes"]) == ("3600000", "1000000000")
    assert rows[1]["joules"] == ""


def test_programs_get_lines_and_total(spool: str, capsys: pytest.CaptureFixture[str]) -> None:
    found = json.loads(told(capsys, spool, "--json"))

    assert [line["when"] for line in found["lines"]] == ["2026-11-02", "2026-11-03"]
    assert found["total"]["outcomes"] == {"completed": 1, "failed": 1, "released": 1}
    assert found["lines"][1]["joules"] is None


def test_a_ledger_that_is_still_empty_says_where_it_would_be(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert told(capsys, str(tmp_path / "spool")) == f"no jobs in {tmp_path}/spool.ledger\n"


def test_it_can_lie_elsewhere(
    tmp_path: Path, spool: str, capsys: pytest.CaptureFixture[str]
) -> None:
    moved = (tmp_path / "spool.ledger").rename(tmp_path / "elsewhere")

    assert "2026-11-02" in told(capsys, spool, "--ledger-file", str(moved))


def test_a_ledger_that_cannot_be_read_is_one_sentence(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "spool.ledger").write_text("no database" * 999)

    assert main(["ledger", "--spool", str(tmp_path / "spool")]) == 74
    assert "cannot be read" in capsys.readouterr().err


def test_since_is_a_midnight_of_this_box() -> None:
    today = datetime.now().astimezone().replace(hour=0, minute=0, second=0, microsecond=0)

    assert moment("0d") == today.timestamp()
    assert moment("2026-11-01") == datetime(2026, 11, 1).astimezone().timestamp()
    week = datetime.fromtimestamp(moment("7d")).astimezone()
    assert week.date() == today.date() - timedelta(days=7)
    assert moment(None) == 0.0


@pytest.mark.parametrize("since", ["yesterday", "7", "2026-13-01", "9999999d", ""])
def test_a_day_that_is_none_ends_with_64(
    spool: str, since: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["ledger", "--spool", spool, "--since", since]) == 64
    assert "give a day, 2026-11-01, or days back, 7d" in capsys.readouterr().err


@pytest.mark.parametrize(("step", "is_told"), [("job", True), ("day", False)])
def test_jobs_that_are_known_by_their_day_only_are_named(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], step: str, is_told: bool
) -> None:
    for name, at in (("j1", NOON), ("j2", NOON + 9 * DAY)):
        ledger = DiskLedger(tmp_path / "spool.ledger", keep=Seconds(DAY), wall=partial(float, at))
        ledger.book(JobId(name), "audio", Spent())
        ledger.end(JobId(name), "completed", None)
        ledger.close()

    assert main(["ledger", "--spool", str(tmp_path / "spool"), "--by", step]) == 0
    told_so = "jobs until 2026-11-02 are kept as sums" in capsys.readouterr().err
    assert told_so is is_told
