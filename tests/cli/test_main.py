import gc
import subprocess
import sys
from pathlib import Path

import pytest

from agent.cli import main
from agent.cli.exit_codes import MEANING, ExitCode, UsageError, code_of, root_of
from agent.cli.verbs import VERBS
from agent.model.errors import (
    AgentError,
    ConfigError,
    CredentialsRefusedError,
    DiskFullError,
    NewerBootError,
    RequestRefusedError,
    ServerUnavailableError,
    TooLargeError,
)

EXIT_CODES = Path(__file__).parents[2] / "docs" / "exit-codes.md"


def test_the_document_tells_every_exit_code() -> None:
    rows = [f"| {code.value} | {MEANING[code]} |" for code in ExitCode]

    assert EXIT_CODES.read_text().splitlines()[-len(rows) :] == rows


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (UsageError("x"), 64),
        (ConfigError("x"), 78),
        (CredentialsRefusedError("x"), 77),
        (NewerBootError("x", boot_seq=None), 76),
        (ServerUnavailableError("x"), 69),
        (RequestRefusedError("x"), 65),
        (TooLargeError("x"), 65),
        (DiskFullError("x"), 74),
        (AgentError("x"), 70),
        (ZeroDivisionError(), 70),
    ],
)
def test_each_error_has_its_exit_code(error: BaseException, code: int) -> None:
    assert code_of(error) == code


def test_what_task_groups_wrap_is_unwrapped() -> None:
    inner = ConfigError("x")

    assert root_of(ExceptionGroup("", [ExceptionGroup("", [inner])])) is inner


@pytest.mark.parametrize(
    "words", [["--help"], ["--version"], *([verb, "--help"] for verb in VERBS)]
)
def test_help_is_there_for_every_verb(words: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert main(words) == 0
    assert capsys.readouterr().out


def test_the_help_of_run_names_flag_variable_and_reason(
    capsys: pytest.CaptureFixture[str],
) -> None:
    main(["run", "--help"])

    text = " ".join(capsys.readouterr().out.split())
    assert (
        "--max-jobs JOBS End with exit code 0 after that many jobs. [MORAG_AGENT_MAX_JOBS]" in text
    )
    assert "--soft-stop-min MIN" in text
    assert "--token " not in text


@pytest.mark.parametrize(
    "words", [[], ["dance"], ["run", "--no-such-flag"], ["config", "extra"], ["run", "--slot", "1"]]
)
def test_a_wrong_command_line_ends_with_64(
    words: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(words) == ExitCode.USAGE
    assert "--help" in capsys.readouterr().err


def test_wrong_settings_end_with_78_and_one_line_each(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert main(["config", "--slots", "none", "--log-level", "loud"]) == ExitCode.CONFIG
    slots, level = capsys.readouterr().err.splitlines()
    assert slots.startswith("error: agent.slots: 'none' (--slots) is wrong: it must be ")
    assert level == (
        "error: log.level: 'loud' (--log-level) is wrong:"
        " it must be one of debug, info, warning, error"
    )


class _Broken:
    def add_arguments(self, parser: object) -> None: ...

    def run(self, call: object) -> int:
        del call
        raise ZeroDivisionError("oops")


@pytest.fixture
def broken_verb(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "agent.cli.config", _Broken())


@pytest.mark.usefixtures("broken_verb")
def test_a_bug_is_one_sentence_and_70(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["config"]) == ExitCode.BUG

    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("error: a bug, ZeroDivisionError: oops; run again with --debug")


@pytest.mark.usefixtures("broken_verb")
@pytest.mark.parametrize("words", [["--debug"], ["--log-level", "debug"]])
def test_who_debugs_sees_the_traceback(
    words: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["config", *words]) == ExitCode.BUG
    assert "Traceback" in capsys.readouterr().err


def test_a_reader_that_goes_away_is_no_error() -> None:
    command = f"{sys.executable} -m agent config --example | head -n 1"

    told = subprocess.run(["bash", "-c", command], capture_output=True, text=True, check=True)

    assert told.stderr == ""


def test_the_command_line_imports_nothing_heavy() -> None:
    code = (
        "import sys; from agent.cli import main; main(['config']);"
        "print([name for name in ('httpx', 'rich', 'structlog', 'psutil', 'torch', 'uvicorn')"
        " if name in sys.modules], file=sys.stderr)"
    )

    told = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert told.stderr == "[]\n"


class _Replaced(_Broken):
    def run(self, call: object) -> int:
        del call
        raise NewerBootError("taken over by \x1b[2J", boot_seq=7)


def test_a_taken_agent_id_is_told_with_both_causes_and_what_to_do(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(sys.modules, "agent.cli.config", _Replaced())

    assert main(["config"]) == ExitCode.REPLACED
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("error: taken over by \ufffd[2J: either another process")
    assert "the spool is older than the one that was used last (the server knows boot 7)" in line
    assert line.endswith("stop the other one, or give this one its own --agent-id")


class _Interrupted(_Broken):
    def run(self, call: object) -> int:
        del call
        raise KeyboardInterrupt


def test_ctrl_c_ends_with_130_and_no_traceback(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(sys.modules, "agent.cli.config", _Interrupted())

    assert main(["config"]) == ExitCode.INTERRUPTED
    assert capsys.readouterr().err == ""


def test_a_verb_runs_with_its_garbage_collected(capsys: pytest.CaptureFixture[str]) -> None:
    gc.disable()
    try:
        main(["config"])
        is_collected = gc.isenabled()
    finally:
        gc.unfreeze()
        gc.enable()

    assert is_collected
    assert capsys.readouterr().out
