import json
import tomllib
from pathlib import Path

import pytest

from agent.cli import main
from agent.config import load


def test_what_config_shows_can_be_pasted_into_a_file(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["--slots", "3", "--no-gpu", "--labels", "site=home", "--max-file-size", "5MB"]
    assert main(["config", *words]) == 0
    file = tmp_path / "pasted.toml"
    file.write_text(capsys.readouterr().out)

    pasted = load(environ={}, file=file).settings

    assert pasted.slots == 3
    assert pasted.gpu is False
    assert pasted.labels == {"site": "home"}
    assert pasted.max_file_size == 5_000_000


def test_each_line_tells_where_it_came_from(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("MORAG_REMOTE_WORKER_ID", "w7")

    main(["config", "--max-jobs", "2"])

    lines = {line.split("  #")[0].strip(): line for line in capsys.readouterr().out.splitlines()}
    assert lines['id = "w7"'].endswith("# MORAG_REMOTE_WORKER_ID")
    assert lines["max_jobs = 2"].endswith("# --max-jobs (live)")
    assert lines["soft_stop_min = 5"].endswith("# default (live)")


def test_the_token_is_masked_and_its_place_warned_about(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("MORAG_AGENT_TOKEN", "hush-hush")

    for words in ([], ["--json"]):
        main(["config", *words])
        told = capsys.readouterr()
        assert "hush" not in told.out + told.err
        assert "**********" in told.out
        assert "a file is safer" in told.err


def test_json_carries_file_values_origins_and_warnings(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "agent.toml"
    file.write_text("[agent]\nslots = 2\n[models]\noffline = true\nallow_download = true\n")

    main(["config", "--json", "--config", str(file)])

    told = json.loads(capsys.readouterr().out)
    assert told["file"] == str(file)
    assert told["settings"]["agent.slots"] == {
        "value": 2,
        "from": f"{file}: agent.slots",
        "live": False,
    }
    (warning,) = told["warnings"]
    assert warning == "models.allow_download has no effect: models.offline is on"


def test_the_example_is_printed_whole(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["config", "--example"]) == 0

    assert "serve" in tomllib.loads(capsys.readouterr().out)
