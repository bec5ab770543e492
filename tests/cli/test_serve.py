import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import httpx
import pytest

from agent.cli import main
from agent.cli.exit_codes import ExitCode
from agent.cli.serving import server_settings
from agent.config import Settings
from tests.cli.served import Served, served


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_stops_the_server_in_a_second_with_0(
    number: signal.Signals, tmp_path: Path
) -> None:
    with served(tmp_path / "data") as running:
        began = time.monotonic()
        running.process.send_signal(number)

        assert running.process.wait(5) == 0
        assert time.monotonic() - began < 1.0


def test_a_parked_poll_does_not_hold_the_server_up(tmp_path: Path) -> None:
    with served(tmp_path / "data") as running, socket.create_connection(_address(running)) as poll:
        token = running.token("--agent", "attic").read_text().strip()
        httpx.put(
            f"{running.url}/v1/agents/attic",
            json={"boot_id": "b", "capability": "cpu", "content_types": ["text"], "slots": 1},
            headers={"Authorization": f"Bearer {token}"},
        ).raise_for_status()
        poll.sendall(_raw_poll(token))
        time.sleep(0.2)
        began = time.monotonic()
        running.process.terminate()

        assert running.process.wait(5) == 0
        assert time.monotonic() - began < 1.0


def _address(running: Served) -> tuple[str, int]:
    url = httpx.URL(running.url)
    assert url.port is not None
    return url.host, url.port


def _raw_poll(token: str) -> bytes:
    body = '{"boot_id": "b", "request_id": "r", "wait_s": 25, "free_slots": 1}'
    head = (
        "POST /v1/agents/attic/poll HTTP/1.1",
        "Host: x",
        f"Authorization: Bearer {token}",
        "Content-Type: application/json",
        f"Content-Length: {len(body)}",
    )
    return "\r\n".join((*head, "", body)).encode()


def test_the_first_start_tells_how_to_make_tokens(tmp_path: Path) -> None:
    with served(tmp_path / "data") as running:
        assert running.process.stdout is not None
        told = [running.process.stdout.readline() for _ in range(3)]

    assert told[0].startswith("there are no tokens yet")
    assert "token create --agent ID" in told[1]
    assert "token create --client" in told[2]


def test_a_port_that_is_taken_is_told_with_what_to_do(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])

        code = main(["serve", "--port", port, "--data", str(tmp_path)])

    assert code == ExitCode.UNAVAILABLE
    assert f"port {port} of 127.0.0.1 is taken: give another with --port" in capsys.readouterr().err


def test_an_address_that_is_not_ours_is_a_wrong_setting(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["serve", "--host", "192.0.2.1", "--port", "0", "--data", str(tmp_path)]

    assert main(words) == ExitCode.CONFIG
    assert "cannot listen on 192.0.2.1" in capsys.readouterr().err


def test_a_second_server_on_the_same_data_is_refused(
    server: Served, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["serve", "--port", "0", "--data", str(server.data)]) == ExitCode.CONFIG
    assert "another server uses the data folder" in capsys.readouterr().err


def test_without_the_extra_one_sentence_says_what_to_install(tmp_path: Path) -> None:
    code = (
        "import sys; sys.modules['uvicorn'] = None\n"
        "from agent.cli import main\n"
        f"sys.exit(main(['serve', '--data', {str(tmp_path)!r}]))"
    )

    told = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)

    assert told.returncode == ExitCode.CONFIG
    assert told.stderr.splitlines() == [
        "error: the package uvicorn is missing: pip install 'morag-agent[server]'"
    ]


def test_morags_old_urls_are_answered_where_that_is_wanted(tmp_path: Path) -> None:
    uploads = tmp_path / "uploads"
    uploads.mkdir()
    (uploads / "a.mp3").write_bytes(b"sound")
    wanted = ("--morag", "--input-folders", str(uploads), "--morag-lease-min", "90")
    with served(tmp_path / "data", *wanted) as running:
        token = running.token("--client").read_text().strip()
        body = {
            "source_file_path": f"{uploads}/a.mp3",
            "content_type": "audio",
            "ingestion_task_id": "task-1",
        }
        url = f"{running.url}/api/v1/remote-jobs/"
        created = httpx.post(url, json=body, headers={"X-API-Key": token})
        body["source_file_path"] = "/etc/passwd"
        refused = httpx.post(url, json=body, headers={"X-API-Key": token})

    assert (created.status_code, created.json()["status"]) == (200, "pending")
    assert (refused.status_code, list(refused.json())) == (403, ["detail"])


def test_they_are_not_there_otherwise(tmp_path: Path) -> None:
    with served(tmp_path / "data") as running:
        assert httpx.get(f"{running.url}/api/v1/workers").status_code == 404


def test_what_is_set_for_them_reaches_the_server() -> None:
    default = server_settings(Settings()).morag
    folders = (Path("/a"), Path("/b"))
    there = Settings(serve_morag=True, serve_input_folders=folders, serve_morag_lease_min=90)
    morag = server_settings(there).morag

    assert default is None
    assert morag is not None
    assert (morag.input_folders, morag.lease_s) == (folders, 5400.0)
