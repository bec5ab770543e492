import logging
import os
import stat
from pathlib import Path

import pytest
import structlog

from agent.edges.job_logs import FOLDER, JobLogs, Tail, jobs_known, lines_of
from agent.edges.logs import set_up
from tests.edges.test_logs import _logging_as_it_was as logging_as_it_was
from tests.edges.test_logs import lines_of as parsed

__all__ = ["logging_as_it_was"]

HUSHED = "hush-hush"


def say(job_id: str, event: str = "lease.renewed", **fields: object) -> None:
    with structlog.contextvars.bound_contextvars(job_id=job_id):
        structlog.get_logger().info(event, **fields)


def events(spool: Path, job_id: str) -> list[object]:
    return [line["event"] for line in parsed("".join(lines_of(spool, job_id)))]


@pytest.fixture(autouse=True)
def spool(tmp_path: Path, logging_as_it_was: None) -> Path:
    del logging_as_it_was
    set_up(secrets=[HUSHED], by_job=JobLogs(tmp_path))
    return tmp_path


def test_each_job_has_its_own_lines(spool: Path) -> None:
    say("one", "offer.received")
    say("two", "offer.received")
    say("one", "job.ended")
    structlog.get_logger().info("agent.idle")

    assert events(spool, "one") == ["offer.received", "job.ended"]
    assert events(spool, "two") == ["offer.received"]
    assert sorted(jobs_known(spool)) == ["one", "two"]


def test_the_lines_outlast_the_process_that_wrote_them(spool: Path) -> None:
    say("one", "offer.received")
    set_up(by_job=JobLogs(spool))
    say("one", "job.resumed")

    assert events(spool, "one") == ["offer.received", "job.resumed"]


def test_no_secret_is_among_them(spool: Path) -> None:
    told = {"token": "abc", "url": f"http://s/x?sig={HUSHED}"}
    say("one", reason=f"refused: {HUSHED}", **told)

    text = "".join(lines_of(spool, "one"))
    assert HUSHED not in text
    assert "abc" not in text


def test_they_are_for_the_owner_alone(spool: Path) -> None:
    say("one")

    (file,) = (spool / FOLDER).iterdir()
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert stat.S_IMODE((spool / FOLDER).stat().st_mode) == 0o700


def test_a_job_never_becomes_a_path(spool: Path) -> None:
    say("../../../etc/passwd")

    assert events(spool, "../../../etc/passwd") == ["lease.renewed"]
    assert [path.parent for path in (spool / FOLDER).iterdir()] == [spool / FOLDER]


def test_a_talkative_job_keeps_its_newest_lines(tmp_path: Path) -> None:
    set_up(by_job=JobLogs(tmp_path, per_job=4000))
    for number in range(200):
        say("one", number=number)

    numbers = [line["number"] for line in parsed("".join(lines_of(tmp_path, "one")))]
    assert numbers == list(range(200 - len(numbers), 200))
    assert len(numbers) > 10
    assert sum(file.stat().st_size for file in (tmp_path / FOLDER).iterdir()) < 4300


def test_the_oldest_jobs_give_way(tmp_path: Path) -> None:
    set_up(by_job=JobLogs(tmp_path, per_job=1000, in_all=5000))
    for number in range(100):
        say(f"job-{number}", filler="x" * 300)
        for age, file in enumerate(sorted((tmp_path / FOLDER).iterdir(), key=os.path.getmtime)):
            os.utime(file, ns=(age, age + number * 1000))

    assert sum(file.stat().st_size for file in (tmp_path / FOLDER).iterdir()) <= 5000
    assert events(tmp_path, "job-99") == ["lease.renewed"]
    assert events(tmp_path, "job-0") == []


def test_a_disk_that_takes_nothing_costs_nothing_but_the_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / FOLDER).write_text("in the way")

    say("one", "job.ended")

    assert "job.ended" in capsys.readouterr().err
    assert (tmp_path / FOLDER).read_text() == "in the way"


def test_no_link_is_followed(spool: Path, tmp_path: Path) -> None:
    say("one")
    (file,) = (spool / FOLDER).iterdir()
    target = tmp_path / "precious"
    target.write_text("precious")
    file.unlink()
    file.symlink_to(target)

    say("one")

    assert target.read_text() == "precious"


def test_a_line_of_a_library_that_names_a_job_only_in_its_text_is_none_of_a_job(
    spool: Path,
) -> None:
    logging.getLogger("library").warning("job_id=one")

    assert list(lines_of(spool, "one")) == []


def test_whoever_follows_misses_nothing_when_the_file_is_begun_anew(tmp_path: Path) -> None:
    set_up(by_job=JobLogs(tmp_path, per_job=4000))
    tail, seen = Tail(tmp_path, "one"), []
    assert list(tail.more()) == []
    for number in range(100):
        say("one", number=number)
        if number % 7 == 0:
            seen += [line["number"] for line in parsed("".join(tail.more()))]
    seen += [line["number"] for line in parsed("".join(tail.more()))]

    assert seen == list(range(100))
