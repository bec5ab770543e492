from pathlib import Path

import pytest

from agent.cli import main
from agent.cli.exit_codes import ExitCode


@pytest.fixture
def note(tmp_path: Path) -> Path:
    file = tmp_path / "note.txt"
    file.write_text("Grüße aus dem Dachgeschoss.\n")
    return file


def test_a_file_goes_through_the_pipeline_without_a_server(
    note: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "out"

    assert main(["process", str(note), "--out", str(out)]) == 0

    told = capsys.readouterr()
    files = [Path(line) for line in told.out.splitlines()]
    assert files
    assert any("Grüße" in file.read_text() for file in files)
    assert sorted(out.iterdir()) == sorted(files)
    assert "note.txt: processing" in told.err


def test_options_reach_the_pipeline_and_a_wrong_one_is_told(
    note: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["process", str(note), "--out", str(tmp_path / "out"), "--option", "no_such=1"]

    assert main(words) == ExitCode.NO

    error = capsys.readouterr().err.splitlines()[-1]
    assert error.startswith("error: options_invalid: ")
    assert "no_such" in error


def test_a_file_that_is_not_of_the_type_it_is_said_to_be_is_told(
    note: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["process", str(note), "--out", str(tmp_path), "--content-type", "video"]

    assert main(words) == ExitCode.NO
    assert "error: media_unreadable: " in capsys.readouterr().err


def test_a_job_that_takes_too_long_is_stopped(
    note: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["process", str(note), "--out", str(tmp_path), "--task-timeout-min", "0.0005"]
    soft = tmp_path / "soft.toml"
    soft.write_text("[limits]\nsoft_stop_min = 0.0001\n")

    assert main([*words, "--config", str(soft)]) == ExitCode.NO
    assert "error: timeout: it took longer than" in capsys.readouterr().err


def test_a_folder_that_cannot_be_written_is_told(
    note: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["process", str(note), "--out", str(note / "out")]) == ExitCode.DISK
    assert "cannot write to" in capsys.readouterr().err
