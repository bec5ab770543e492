import json
import logging
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import structlog

from agent.edges.logs import Redactor, set_up
from agent.model.errors import ConfigError


@pytest.fixture(autouse=True)
def _logging_as_it_was() -> Iterator[None]:
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    for handler in handlers:
        root.removeHandler(handler)
    yield
    for handler in root.handlers[:]:
        root.removeHandler(handler)
        handler.close()
    root.handlers[:] = handlers
    root.setLevel(level)
    structlog.reset_defaults()


def lines_of(text: str) -> list[dict[str, object]]:
    return [json.loads(line) for line in text.splitlines()]


def test_off_a_terminal_a_line_is_json_with_the_bound_job(
    capsys: pytest.CaptureFixture[str],
) -> None:
    set_up()
    with structlog.contextvars.bound_contextvars(job_id="j1", lease_id="l1"):
        structlog.get_logger().info("lease.renewed", ttl_s=90)

    (line,) = lines_of(capsys.readouterr().err)

    assert list(line) == ["timestamp", "level", "event", "job_id", "lease_id", "ttl_s"]
    assert line["event"] == "lease.renewed"


def test_on_a_console_a_line_is_for_people(capsys: pytest.CaptureFixture[str]) -> None:
    set_up(form="console")
    structlog.get_logger().warning("server.lost", attempt=2)

    written = capsys.readouterr().err

    assert re.match(r"\d\d:\d\d:\d\d \[warning", written)
    assert "server.lost" in written
    assert "attempt=2" in written
    assert not written.startswith("{")


def test_the_log_file_gets_json_whatever_the_console_shows(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "logs" / "agent.log"
    set_up(form="console", file=file)
    structlog.get_logger().info("agent.started")

    (line,) = lines_of(file.read_text())
    assert line["event"] == "agent.started"
    assert str(line["timestamp"]).endswith("Z")
    assert "agent.started" in capsys.readouterr().err


def test_a_log_file_that_cannot_be_written_is_a_wrong_setting(tmp_path: Path) -> None:
    (tmp_path / "blocked").write_text("")

    with pytest.raises(ConfigError, match=r"log\.file: cannot write"):
        set_up(file=tmp_path / "blocked" / "agent.log")


def test_the_level_holds_back_what_is_below(capsys: pytest.CaptureFixture[str]) -> None:
    set_up(level="warning")
    structlog.get_logger().info("agent.polled")
    structlog.get_logger().error("agent.failed")

    assert [line["event"] for line in lines_of(capsys.readouterr().err)] == ["agent.failed"]


def test_libraries_write_the_same_way_and_requests_not_at_all(
    capsys: pytest.CaptureFixture[str],
) -> None:
    set_up(secrets=["hush"])
    logging.getLogger("uvicorn.error").warning("told %s", "hush")
    logging.getLogger("httpx").info("GET https://bucket/x?signature=1")

    (line,) = lines_of(capsys.readouterr().err)

    assert (line["event"], line["level"]) == ("told ***", "warning")


def test_secrets_are_taken_out_of_tracebacks_too(capsys: pytest.CaptureFixture[str]) -> None:
    set_up(secrets=["hush"])
    try:
        int("hush")
    except ValueError:
        structlog.get_logger().exception("job.crashed")

    written = capsys.readouterr().err

    assert "ValueError" in written
    assert "hush" not in written


@pytest.mark.parametrize(
    ("value", "cleaned"),
    [
        ("Bearer abc.def", "Bearer ***"),
        ("https://a/b?sig=1 and http://c/d#e", "https://a/b?*** and http://c/d?***"),
        ("https://user:pass@a/b", "https://***@a/b"),
        ({"Authorization": "x", "n": 1}, {"Authorization": "***", "n": 1}),
        (["hush", ("hush",), None, 1.5, True], ["***", ["***"], None, 1.5, True]),
        (Path("/tmp/hush"), "/tmp/***"),  # noqa: S108
    ],
)
def test_secrets_are_taken_out_wherever_they_hide(value: object, cleaned: object) -> None:
    assert Redactor(["hush"]).clean(value) == cleaned


def test_fields_named_like_secrets_and_options_are_never_shown() -> None:
    event: dict[str, object] = {
        "event": "x",
        "token": "t",
        "options": {"webhook": "w"},
        "queue": "q",
    }

    assert Redactor()(None, "info", event) == {
        "event": "x",
        "token": "***",
        "options": "***",
        "queue": "q",
    }


def test_setting_up_again_replaces_what_was_set_up(capsys: pytest.CaptureFixture[str]) -> None:
    set_up()
    set_up()
    structlog.get_logger().info("once")

    assert len(lines_of(capsys.readouterr().err)) == 1


def test_importing_the_module_does_not_import_structlog() -> None:
    code = "import agent.edges.logs, sys; print('structlog' in sys.modules)"

    told = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert told.stdout == "False\n"
