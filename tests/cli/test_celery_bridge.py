"""What a person reads who starts the bridge without something that it needs."""

import socket
import subprocess
import sys
from pathlib import Path

import pytest

from agent.cli import main
from agent.cli.exit_codes import ExitCode
from tests.cli.served import Served

PASSWORD = "hush-hush"  # noqa: S105 - whether it is shown is the test


@pytest.fixture
def nobody() -> str:
    """Where nothing listens."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return f"127.0.0.1:{probe.getsockname()[1]}"


def started(
    capsys: pytest.CaptureFixture[str], *words: str, folder: Path = Path("/in")
) -> tuple[int, str]:
    code = main(["celery-bridge", "--celery-input-folders", str(folder), *words])
    return code, capsys.readouterr().err.strip()


def written(folder: Path, text: str) -> str:
    file = folder / "url"
    file.write_text(text)
    file.chmod(0o600)
    return str(file)


def test_without_celery_it_says_what_to_install() -> None:
    # In a process of its own: nothing of ours may be imported a second time in this one.
    bare = (
        "import sys; sys.modules['celery'] = None\n"
        "from agent.cli import main\n"
        "sys.exit(main(['celery-bridge', '--celery-input-folders', '/in']))"
    )

    done = subprocess.run([sys.executable, "-c", bare], capture_output=True, text=True, check=False)

    assert done.returncode == ExitCode.CONFIG
    assert done.stderr.strip() == (
        "error: the package celery is missing: pip install 'morag-agent[celery]'"
    )


def test_without_folders_no_task_could_name_a_file(capsys: pytest.CaptureFixture[str]) -> None:
    code, said = started(capsys, "--celery-input-folders", "")

    assert code == ExitCode.CONFIG
    assert said.startswith("error: celery.input_folders is empty: ")


def test_without_a_broker_it_says_where_to_write_which(capsys: pytest.CaptureFixture[str]) -> None:
    code, said = started(capsys)

    assert code == ExitCode.CONFIG
    assert said.startswith("error: there is no broker: ")
    assert "--celery-broker-url-file FILE" in said


def test_more_tasks_than_it_has_connections_for_are_not_held(
    capsys: pytest.CaptureFixture[str],
) -> None:
    code, said = started(capsys, "--celery-tasks", "91")

    assert code == ExitCode.CONFIG
    assert "celery.tasks: '91' (--celery-tasks) is wrong: it must be a whole number from" in said


def test_a_file_that_holds_no_url_is_not_repeated(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    code, said = started(capsys, "--celery-broker-url-file", written(tmp_path, PASSWORD))

    assert code == ExitCode.CONFIG
    assert said == ("error: celery.broker_url is no URL such as redis://:PASSWORD@HOST:6379/0")


def test_a_broker_that_keeps_no_results_asks_for_somewhere_that_does(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = written(tmp_path, "amqp://guest:guest@127.0.0.1//")

    code, said = started(capsys, "--celery-broker-url-file", file)

    assert code == ExitCode.CONFIG
    assert "--celery-result-url-file FILE" in said


@pytest.mark.parametrize("scheme", ["redis", "amqp"])
def test_a_broker_that_does_not_answer_is_named_without_its_password(
    scheme: str, nobody: str, tmp_path: Path, server: Served, capsys: pytest.CaptureFixture[str]
) -> None:
    file = written(tmp_path, f"{scheme}://user:{PASSWORD}@{nobody}/0")
    urls = ["--celery-broker-url-file", file, "--celery-result-url-file", file]

    code, said = started(capsys, *urls, *server.as_client())

    assert code == ExitCode.UNAVAILABLE
    assert len(said.splitlines()) == 1
    assert said.startswith(
        f"error: the Celery broker {scheme}://user:**@{nobody}/0 does not answer"
    )
    assert PASSWORD not in said


def test_a_server_that_does_not_answer_is_named(
    nobody: str, tmp_path: Path, server: Served, capsys: pytest.CaptureFixture[str]
) -> None:
    file = written(tmp_path, "redis://127.0.0.1:6379/0")
    words = [*server.as_client(), "--server-url", f"http://{nobody}"]

    code, said = started(capsys, "--celery-broker-url-file", file, *words)

    assert code == ExitCode.UNAVAILABLE
    assert f"http://{nobody}" in said


def test_the_url_may_not_stand_on_the_command_line_or_in_the_file_of_settings(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "config.toml"
    file.write_text(f"[celery]\nbroker_url = 'redis://:{PASSWORD}@localhost/0'\n")

    code, said = started(capsys, "--config", str(file))

    assert code == ExitCode.CONFIG
    assert "celery.broker_url_file" in said
    assert PASSWORD not in said
    assert started(capsys, "--celery-broker-url", "redis://localhost")[0] == ExitCode.USAGE


def test_others_who_can_read_the_file_are_told_of(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = Path(written(tmp_path, PASSWORD))
    file.chmod(0o644)

    _code, said = started(capsys, "--celery-broker-url-file", str(file))

    assert f"others on this machine can read {file}: run chmod 600 {file}" in said
