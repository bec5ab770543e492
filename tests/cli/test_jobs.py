import json
from pathlib import Path

import pytest

from agent.cli import main
from agent.cli.exit_codes import ExitCode
from agent.cli.jobs import _attempt_table, _job_table, _show, _tell
from agent.wire.jobs import AttemptInfo, JobInfo, JobState
from tests.cli.served import Served


@pytest.fixture
def job_id(server: Served, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> str:
    note = tmp_path / "[b]note[b].txt"
    note.write_text("hello")
    as_client = server.as_client()
    capsys.readouterr()
    main(["submit", str(note), *as_client])
    return capsys.readouterr().out.split()[0]


def test_the_list_shows_each_job_on_a_line(
    server: Served, job_id: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["jobs", *server.as_client()]) == 0

    (line,) = (line for line in capsys.readouterr().out.splitlines() if job_id in line)
    assert "queued" in line
    assert "[b]note[b].txt" in line


def test_the_list_can_be_narrowed_and_may_be_empty(
    server: Served, job_id: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["jobs", "--state", "completed", *server.as_client()]) == 0
    assert capsys.readouterr().out == "no jobs\n"
    assert job_id


def test_one_job_is_shown_in_full(
    server: Served, job_id: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["jobs", job_id, *server.as_client()]) == 0

    told = capsys.readouterr().out
    assert f"job       {job_id}" in told
    assert "state     queued" in told
    assert "text, 5 bytes" in told


def test_a_job_is_cancelled_queued_again_and_removed(
    server: Served, job_id: str, capsys: pytest.CaptureFixture[str]
) -> None:
    as_client = server.as_client()

    assert main(["jobs", job_id, "--cancel", "--json", *as_client]) == 0
    assert json.loads(capsys.readouterr().out)["state"] == "cancelled"
    assert main(["jobs", job_id, "--retry", "--json", *as_client]) == 0
    assert json.loads(capsys.readouterr().out)["state"] == "queued"
    main(["jobs", job_id, "--cancel", *as_client])
    assert main(["jobs", job_id, "--remove", *as_client]) == 0
    assert main(["jobs", job_id, *as_client]) == ExitCode.REFUSED
    assert "unknown_job" in capsys.readouterr().err


@pytest.mark.parametrize("limit", ["0", "-1", "all"])
def test_a_list_of_less_than_one_job_makes_no_sense(
    limit: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["jobs", "--limit", limit]) == ExitCode.USAGE
    assert f"--limit: '{limit}' is wrong: it must be a whole number from 1" in (
        capsys.readouterr().err
    )


def test_what_others_wrote_gives_the_terminal_no_commands(
    capsys: pytest.CaptureFixture[str],
) -> None:
    wild = job(
        attempt(outcome="failed", message="\x1b[2J\n"), filename="\x1b]0;\n.mp3", message="\x9b\n"
    )
    _tell(wild.model_copy(update={"code": "internal"}))
    _show(_job_table([wild]))

    told = capsys.readouterr().out
    assert not set(told) & {"\x1b", "\x9b"}
    assert "\ufffd]0;\ufffd.mp3" in told


def test_a_deed_without_a_job_makes_no_sense(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["jobs", "--cancel"]) == ExitCode.USAGE
    assert "name the job" in capsys.readouterr().err


def attempt(**more: object) -> AttemptInfo:
    told = {"number": 2, "agent_id": "attic", "lease_id": "l1", **more}
    return AttemptInfo.model_validate(told)


def job(*attempts: AttemptInfo, **more: object) -> JobInfo:
    told = {
        "job_id": "j1",
        "state": JobState.LEASED,
        "content_type": "audio",
        "queue": "gpu_fallback",
        "priority": 0,
        "filename": "a.mp3",
        "max_attempts": 3,
        "created_at": "2026-01-01",
        "updated_at": "2026-01-01",
        "attempts": attempts,
        **more,
    }
    return JobInfo.model_validate(told)


def test_a_running_job_shows_its_attempt_stage_and_progress(
    capsys: pytest.CaptureFixture[str],
) -> None:
    _show(_job_table([job(attempt(stage="processing", progress=0.42)), job(attempt())]))

    told = capsys.readouterr().out
    assert "2/3" in told
    assert "processing 42%" in told


def test_a_failed_job_shows_its_code(capsys: pytest.CaptureFixture[str]) -> None:
    _show(_job_table([job(attempt(outcome="failed"), code="timeout", state=JobState.FAILED)]))

    assert "timeout" in capsys.readouterr().out


def test_attempts_tell_who_tried_and_what_came_of_it(capsys: pytest.CaptureFixture[str]) -> None:
    _show(_attempt_table([attempt(outcome="expired", reason="silent"), attempt(stage="queued")]))

    told = capsys.readouterr().out
    assert "attic" in told
    assert "expired" in told
    assert "silent" in told
    assert "running" in told
