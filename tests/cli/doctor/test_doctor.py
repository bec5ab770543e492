"""The verb as a person or a program calls it."""

import asyncio
import json
import os
import pty
import socket
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from agent.cli import main
from agent.cli.doctor import checks_of
from agent.cli.doctor.check import Group, Verdict
from agent.cli.exit_codes import ExitCode
from agent.server.app import create_app
from agent.server.serving import server_for
from agent.server.settings import ServerSettings
from agent.server.tokens import TokenKind, create_token
from tests.cli.doctor.patients import patient
from tests.cli.served import Served
from tests.edges.authority import Authority, Shown
from tests.edges.background import background
from tests.edges.tunnel import http_proxy

NOBODY = ["--server-url", "http://127.0.0.1:9"]
HEAVY = {"torch", "whisper", "faster_whisper", "ctranslate2", "av", "cv2", "moviepy", "numpy"}


@pytest.fixture(autouse=True)
def deaf(monkeypatch: pytest.MonkeyPatch) -> None:
    """Text alone, unless a test wants more: then no engine has to be loaded."""
    monkeypatch.setenv("MORAG_AGENT_CONTENT_TYPES", "text")
    monkeypatch.setenv("MORAG_AGENT_MAX_FILE_SIZE", "1MB")


def told(words: list[str], capsys: pytest.CaptureFixture[str]) -> dict[str, Any]:
    """The checks by name, with the whole under the empty one."""
    capsys.readouterr()
    code = main(["doctor", "--json", *words])
    whole = json.loads(capsys.readouterr().out)
    return {check["name"]: check for check in whole["checks"]} | {"": {**whole, "code": code}}


def test_on_a_box_where_everything_is_there_doctor_ends_with_0(
    server: Served, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    as_agent = server.as_agent("attic")
    capsys.readouterr()

    assert main(["doctor", "--spool", str(tmp_path / "spool"), *as_agent]) == 0

    lines = capsys.readouterr().out.splitlines()
    assert max(map(len, lines)) <= 80
    assert not any("\033" in line for line in lines)
    assert [line for line in lines if line and line[0] != " "][:-1] == [
        *("box", "GPU", "container", "software", "models", "settings", "spool"),
        *("network", "server"),
    ]
    assert any(line.split()[:2] == ["ok", "access"] for line in lines)
    assert " fine, " in lines[-1]


def test_what_is_missing_is_told_with_what_to_do_and_ends_with_1(
    capsys: pytest.CaptureFixture[str],
) -> None:
    found = told(NOBODY, capsys)

    assert found[""]["code"] == ExitCode.NO
    assert found[""]["verdict"] == "error"
    assert found["connect"]["verdict"] == "error"
    assert found["connect"]["advice"].startswith("start the server")
    assert found["server"]["verdict"] == "unknown"
    assert found["token"]["verdict"] == "unknown"  # a MoRAG may ask for none
    assert "token create --agent" in found["token"]["advice"]


def test_every_check_has_one_name_and_one_group_in_order() -> None:
    checks = list(checks_of(patient()))

    assert len({check.name for check in checks}) == len(checks)
    groups = list(dict.fromkeys(check.group for check in checks))
    assert groups == list(Group)
    places = [groups.index(check.group) for check in checks]
    assert places == sorted(places)


def test_the_servers_folder_is_looked_at_where_it_is_named(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert "data" not in told(NOBODY, capsys)
    assert told([*NOBODY, "--data", str(tmp_path)], capsys)["data"]["verdict"] == Verdict.OK


def test_a_server_behind_a_proxy_is_reached_and_looked_at_through_it(
    server: Served, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    port = server.url.rpartition(":")[2]
    as_agent = ["--server-url", f"http://morag.invalid:{port}", *server.as_agent("attic")[2:]]
    with http_proxy() as proxy:
        monkeypatch.setenv("HTTP_PROXY", f"http://me:hush@127.0.0.1:{proxy.port}")
        found = told(as_agent, capsys)

    assert found["proxy"]["seen"].startswith("the server is reached through http://***@")
    assert found["dns"]["seen"] == "127.0.0.1 is an address, no name"
    for name in ("connect", "server", "access", "ranges"):
        assert found[name]["verdict"] == Verdict.OK, found[name]
    assert "hush" not in json.dumps(found)
    assert any(line.startswith("GET http://morag.invalid") for line in proxy.heard)


@pytest.fixture
def secured(tmp_path: Path) -> Iterator[tuple[int, Authority, Path]]:
    """The port of an embedded server with a certificate of an own authority, and a token."""
    authority = Authority(tmp_path)
    shown, data, token = authority.issue(), tmp_path / "data", tmp_path / "token"
    token.write_text(create_token(data, TokenKind.AGENT, agent_id="attic"))
    token.chmod(0o600)
    with background(serving(data, shown)) as port:
        yield port, authority, token


@asynccontextmanager
async def serving(data: Path, shown: Shown) -> AsyncIterator[int]:
    app = create_app(ServerSettings(folder=data))
    certificate, key = str(shown.certificate), str(shown.key)
    server = server_for(app, "127.0.0.1", 0, ssl_certfile=certificate, ssl_keyfile=key)
    with socket.create_server(("127.0.0.1", 0)) as listener:
        task = asyncio.create_task(server.serve([listener]))
        while not server.started:
            await asyncio.sleep(0.01)
        yield listener.getsockname()[1]
        server.should_exit = True
        await task


def test_an_authority_of_ones_own_makes_the_whole_way_good(
    secured: tuple[int, Authority, Path],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    port, authority, token = secured
    words = ["--server-url", f"https://127.0.0.1:{port}", "--token-file", str(token)]

    stranger = told([*words, "--agent-id", "attic"], capsys)
    monkeypatch.setenv("SSL_CERT_FILE", str(authority.file))
    named = told([*words, "--agent-id", "attic"], capsys)

    assert stranger["tls"]["verdict"] == "error"
    assert "issued by Home CA" in stranger["tls"]["seen"]
    assert stranger["server"]["seen"] == "not tried, for want of `tls`"
    assert {named[name]["verdict"] for name in ("tls", "server", "access", "ranges")} == {"ok"}


def test_a_driver_that_hangs_does_not_hang_the_doctor(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    # As if `pynvml` waited for a driver that never answers.
    (tmp_path / "pynvml.py").write_text("import time\ntime.sleep(600)\n")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    monkeypatch.setattr("agent.cli.doctor.patient.DRIVER_DEADLINE", 1.0)
    begun = time.monotonic()

    found = told(NOBODY, capsys)

    assert time.monotonic() - begun < 60
    assert found["driver"]["verdict"] == "error"
    assert "no answer within 1 s" in found["driver"]["seen"]
    assert found["torch"]["verdict"] == "not applicable"
    assert found["system"]["verdict"] == "ok"


def on_a_terminal(environ: dict[str, str]) -> str:
    """What a terminal of 80 columns shows of it."""
    ours, theirs = pty.openpty()
    words = [sys.executable, "-m", "agent", "doctor", *NOBODY]
    with subprocess.Popen(words, stdout=theirs, stderr=theirs, env=environ) as process:
        os.close(theirs)
        shown = b""
        while True:
            try:
                block = os.read(ours, 65536)
            except OSError:  # Linux says so when the other end is closed
                break
            if not block:
                break
            shown += block
        process.wait()
    os.close(ours)
    return shown.decode()


@pytest.mark.parametrize(
    ("more", "is_coloured"),
    [({"TERM": "xterm"}, True), ({"NO_COLOR": "1"}, False), ({"TERM": "dumb"}, False)],
)
def test_a_terminal_sees_progress_and_colour_where_it_wants_it(
    more: dict[str, str], *, is_coloured: bool
) -> None:
    environ = {name: value for name, value in os.environ.items() if name != "NO_COLOR"}

    shown = on_a_terminal(environ | more)

    assert ", looking at " in shown
    assert ("\033[1;31mERROR" in shown) is is_coloured
    assert " fine, " in shown.splitlines()[-1]


def test_the_doctor_itself_loads_no_heavy_library() -> None:
    loaded = subprocess.run(
        [sys.executable, "-c", "import agent.cli.doctor, sys; print(*sys.modules)"],
        capture_output=True,
        check=True,
        text=True,
    )

    assert not set(loaded.stdout.split()) & HEAVY
