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


def test_a_file_of_morags_converter_becomes_one_of_ours(
    home: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    source, out = tmp_path / "remote.yaml", tmp_path / "new" / "config.toml"
    source.write_text("worker_id: attic\napi_key: hush\npoll_interval: 10\n")

    code = main(["config", "--import", str(source), "--out", str(out)])

    told = capsys.readouterr()
    token = out.parent / "token"
    loaded = load(environ={}, file=out)
    assert code == 0
    assert (loaded.settings.agent_id, loaded.settings.token_file) == ("attic", token)
    assert (token.read_text(), token.stat().st_mode & 0o777) == ("hush\n", 0o600)
    assert loaded.warnings == ()
    assert f"the key is in {token}" in told.out
    assert f"next: python -m agent doctor --config {out}" in told.out
    assert "hush" not in told.out + told.err + out.read_text()
    assert not list(home.iterdir())


def test_without_a_place_the_file_is_printed_and_the_key_put_where_keys_are(
    home: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    source, pasted = tmp_path / ".env", tmp_path / "pasted.toml"
    source.write_text("MORAG_API_KEY=hush\n")

    for named in ([], ["--token-file", str(tmp_path / "key")]):
        assert main(["config", "--import", str(source), *named]) == 0
        pasted.write_text(capsys.readouterr().out)
        token = load(environ={}, file=pasted).settings.token_file
        assert token is not None
        assert token.read_text() == "hush\n"

    assert (home / ".config/morag-agent/token").read_text() == "hush\n"


def test_nothing_is_written_over_unless_that_is_asked_for(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    source, out, token = (tmp_path / name for name in ("remote.yaml", "config.toml", "token"))
    source.write_text("worker_id: attic\napi_key: hush\n")
    words = ["config", "--import", str(source), "--out", str(out)]
    assert main(words) == 0

    assert main(words) == 0  # the same again is no other
    token.write_text("another\n")
    assert main(words) == 64
    assert f"{token} is there already" in capsys.readouterr().err
    assert token.read_text() == "another\n"
    assert main([*words, "--force"]) == 0
    assert token.read_text() == "hush\n"


@pytest.mark.parametrize(
    ("text", "code", "told"),
    [("- a\n", 78, "holds no settings"), (None, 78, "there is no configuration file")],
)
def test_what_cannot_be_imported_is_one_sentence(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], text: str | None, code: int, told: str
) -> None:
    source = tmp_path / "remote.yaml"
    if text is not None:
        source.write_text(text)

    assert main(["config", "--import", str(source)]) == code

    (line,) = capsys.readouterr().err.splitlines()
    assert told in line


def test_a_place_without_an_import_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["config", "--out", "x"]) == 64

    assert "--import" in capsys.readouterr().err


def test_a_place_that_cannot_be_written_is_told(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    source = tmp_path / "remote.yaml"
    source.write_text("worker_id: attic\n")

    assert main(["config", "--import", str(source), "--out", str(tmp_path)]) == 74

    assert f"cannot use {tmp_path}" in capsys.readouterr().err


def test_the_names_of_morags_converter_are_told_as_origins(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    source = tmp_path / "remote.yml"
    source.write_text("worker_id: attic\n")
    monkeypatch.setenv("MORAG_WORKER_MAX_CONCURRENT_JOBS", "2")

    main(["config", "--config", str(source)])

    told = capsys.readouterr().out
    lines = {line.split("  #")[0].strip(): line for line in told.splitlines()}
    assert lines['id = "attic"'].endswith(f"# {source}: worker_id")
    assert lines["slots = 2"].endswith("# MORAG_WORKER_MAX_CONCURRENT_JOBS")
    assert lines['dialect = "morag"'].endswith(f"# {source}: a file of MoRAG's converter")
