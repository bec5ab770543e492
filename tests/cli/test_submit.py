import hashlib
import json
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
import respx

from agent.cli import main
from agent.cli.exit_codes import ExitCode
from agent.edges import job_files, jobs_client
from agent.edges.tus import TusClient
from agent.model.ids import Bytes
from agent.wire.jobs import JobInfo, JobState
from agent.wire.leases import ManifestLine
from tests.cli.served import Served

BASE = "http://127.0.0.1:8080"
TRANSCRIPT = b"# Hello\n"


@pytest.fixture
def note(tmp_path: Path) -> Path:
    file = tmp_path / "note.txt"
    file.write_text("hello")
    return file


@pytest.fixture(autouse=True)
def token(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    file = tmp_path / "client.token"
    file.write_text("client-token")
    file.chmod(0o600)
    monkeypatch.setenv("MORAG_AGENT_CLIENT_TOKEN_FILE", str(file))
    return file


def shown_jobs(server: Served, capsys: pytest.CaptureFixture[str]) -> list[dict[str, object]]:
    main(["jobs", "--json", *server.as_client()])
    jobs: list[dict[str, object]] = json.loads(capsys.readouterr().out)["jobs"]
    return jobs


def test_a_file_becomes_a_queued_job(
    server: Served, note: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["--option", "language=de", "--priority", "5", "--queue", "gpu_priority"]
    as_client = server.as_client()
    capsys.readouterr()

    assert main(["submit", str(note), *words, *as_client]) == 0

    job_id, state, file = capsys.readouterr().out.split()
    assert (state, file) == ("queued", str(note))
    main(["jobs", job_id, "--json", *as_client])
    job = json.loads(capsys.readouterr().out)
    assert job["content_type"] == "text"
    assert (job["queue"], job["priority"]) == ("gpu_priority", 5)
    assert job["sha256"] == hashlib.sha256(b"hello").hexdigest()


def test_the_same_key_gives_the_same_job(
    server: Served, note: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["submit", str(note), "--idempotency-key", "once", *server.as_client()]
    capsys.readouterr()

    assert main(words) == main(words) == 0

    first, second = capsys.readouterr().out.splitlines()
    assert first == second


def submitted(capsys: pytest.CaptureFixture[str], *words: str) -> tuple[str, str]:
    """The job's id, and what was said beside it."""
    capsys.readouterr()
    assert main(["submit", *words]) == 0
    told = capsys.readouterr()
    return told.out.split()[0], told.err


def test_the_same_file_is_the_same_job_while_that_has_not_ended(
    server: Served, note: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    note.write_text("submitted again and again")
    words = [str(note), *server.as_client()]

    first, nothing = submitted(capsys, *words)
    same, told = submitted(capsys, *words)
    other, _ = submitted(capsys, *words, "--option", "language=de")
    new, _ = submitted(capsys, *words, "--again")

    assert same == first
    assert f"already submitted as {first} (queued)" in told
    assert "already" not in nothing
    assert len({first, other, new}) == 3


def test_after_its_end_the_same_file_is_a_new_job_each_time(
    server: Served, note: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    note.write_text("submitted after the end")
    as_client = server.as_client()
    ids = []

    for _ in range(3):
        job_id, told = submitted(capsys, str(note), *as_client)
        assert "already" not in told
        ids.append(job_id)
        main(["jobs", job_id, "--cancel", *as_client])

    assert len(set(ids)) == 3


def test_an_upload_that_was_cut_is_gone_on_with_by_the_same_command(
    wire: respx.MockRouter, note: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    answer_jobs(wire, j1=job("j1", JobState.QUEUED), j2=job("j2", JobState.QUEUED))

    assert main(["submit", str(note)]) == main(["submit", str(note)]) == 0

    first, second = (
        json.loads(call.request.content)
        for call in wire.calls
        if call.request.url.path == "/v1/jobs"
    )
    assert first["idempotency_key"] == second["idempotency_key"]
    assert capsys.readouterr().err.splitlines() == ["note.txt: sending"] * 2


def test_the_same_command_sends_only_what_the_server_lacks(
    server: Served, note: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    note.write_text("0123456789")
    words = ["submit", str(note), *server.as_client()]
    offsets: list[int] = []

    class Cut(TusClient):
        async def append(self, upload_url: str, offset: Bytes, data: bytes) -> Bytes:
            offsets.append(offset)
            if len(offsets) == 2:
                raise KeyboardInterrupt
            return await super().append(upload_url, offset, data)

    monkeypatch.setattr(job_files, "PART", 4)
    monkeypatch.setattr(jobs_client, "TusClient", Cut)

    assert main(words) == ExitCode.INTERRUPTED
    assert "not sent whole; the same command again goes on" in capsys.readouterr().err
    assert main(words) == 0
    assert offsets == [0, 4, 4, 8]


def test_nothing_is_sent_when_one_of_the_files_is_wrong(
    server: Served, note: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    before = shown_jobs(server, capsys)

    code = main(["submit", str(note), str(note.with_name("missing.txt")), *server.as_client()])

    assert code == ExitCode.NO_INPUT
    assert "cannot read" in capsys.readouterr().err
    assert shown_jobs(server, capsys) == before


@pytest.mark.parametrize(
    ("words", "complaint"),
    [
        (["--content-type", "sound"], "there is no such type"),
        (["--option", "words"], "write NAME=VALUE"),
        (
            ["--priority", "5000"],
            "--priority: '5000' is wrong: it must be a whole number from -1000 to 1000",
        ),
        (["--priority", "high"], "--priority: 'high' is wrong: it must be a whole number"),
        (["--queue", "no such"], "--queue: 'no such' is wrong: it must be letters, digits"),
        (["--idempotency-key", "k" * 256], "it must be a text of 1 to 255 characters"),
        (["--option", "prompt=\udcff"], "it is no valid UTF-8"),
        (["--again", "--idempotency-key", "k"], "not allowed with"),
    ],
)
def test_what_makes_no_sense_is_said_before_anything_is_sent(
    words: list[str], complaint: str, note: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["submit", str(note), *words]) == ExitCode.USAGE
    (sentence,) = capsys.readouterr().err.splitlines()
    assert complaint in sentence


def test_a_name_that_is_no_text_is_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "b\udcffd.txt"
    file.write_text("hello")

    assert main(["submit", str(file)]) == ExitCode.NO_INPUT
    (sentence,) = capsys.readouterr().err.splitlines()
    assert sentence.endswith("b\ufffdd.txt: its name is no valid UTF-8; rename it")


def test_who_stops_the_wait_is_told_that_the_job_goes_on(
    server: Served, note: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    note.write_text("waited for in vain")
    as_client = server.as_client()
    capsys.readouterr()
    command = [sys.executable, "-m", "agent", "submit", str(note), "--wait", *as_client]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as waiting:
        assert waiting.stderr is not None
        while "queued" not in waiting.stderr.readline():
            assert waiting.poll() is None
        waiting.send_signal(signal.SIGINT)
        said = waiting.stderr.read()

    size = len("waited for in vain")
    (job_id,) = (one["job_id"] for one in shown_jobs(server, capsys) if one["size"] == size)
    assert waiting.returncode == ExitCode.INTERRUPTED
    assert said == f"{note}: job {job_id} goes on: python -m agent jobs {job_id}\n"


def test_what_the_pipeline_says_is_shown_with_the_stage(
    wire: respx.MockRouter, note: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    answer_jobs(wire, j1=job("j1", JobState.COMPLETED))
    leased = {"job_id": "j1", "state": "leased", "stage": "processing", "message": "transcribing"}
    news = (leased, {"job_id": "j1", "state": "completed"})
    stream = "".join(f"data: {json.dumps(one)}\n\n" for one in news)
    wire.get("/v1/jobs/j1/events").respond(text=stream)

    assert main(["submit", str(note), "--wait"]) == 0
    assert "note.txt: processing: transcribing" in capsys.readouterr().err.splitlines()


def test_an_error_while_waiting_leaves_people_with_the_jobs_id(
    wire: respx.MockRouter, note: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    answer_jobs(wire, j1=job("j1", JobState.COMPLETED))
    wire.get("/v1/jobs/j1/events").respond(401, json={"status": 401, "code": "unauthorized"})

    assert main(["submit", str(note), "--wait"]) == ExitCode.UNAUTHORIZED
    assert f"{note}: job j1 goes on: python -m agent jobs j1" in capsys.readouterr().err


def test_a_server_that_answers_is_not_looked_for(
    wire: respx.MockRouter, note: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    busy = httpx.Response(503, headers={"Retry-After": "7"})
    wire.post("/v1/jobs").mock(return_value=busy)

    assert main(["submit", str(note)]) == ExitCode.UNAVAILABLE

    error = capsys.readouterr().err.splitlines()[-1]
    assert error == f"error: {BASE}: the server answered 503; try again in 7 s"


def test_names_and_messages_give_the_terminal_no_commands(
    wire: respx.MockRouter, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "a\x1b[2J\nerror: b.txt"
    file.write_text("hello")
    answer_jobs(wire, j1=job("j1", JobState.FAILED, code="internal", message="\x1b[2Joops\n"))

    assert main(["submit", str(file), "--wait"]) == ExitCode.NO

    told = capsys.readouterr()
    assert not set(told.out + told.err) & {"\x1b"}
    assert all("b.txt" in line for line in told.err.splitlines())


def test_one_key_for_two_files_makes_no_sense(
    note: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["submit", str(note), str(note), "--idempotency-key", "k"]

    assert main(words) == ExitCode.USAGE
    assert "submit one file with it" in capsys.readouterr().err


def test_without_a_token_people_are_told_how_to_get_one(
    note: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.delenv("MORAG_AGENT_CLIENT_TOKEN_FILE")

    assert main(["submit", str(note)]) == ExitCode.CONFIG
    assert "token create --client" in capsys.readouterr().err


def test_an_agents_token_is_refused_with_what_to_do(
    server: Served, note: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["--server-url", server.url, "--token-file", str(server.token("--agent", "attic"))]

    assert main(["submit", str(note), *words]) == ExitCode.UNAUTHORIZED
    assert "need a client token" in capsys.readouterr().err


def test_a_server_that_is_not_there_is_told(note: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words = ["submit", str(note), "--server-url", "http://127.0.0.1:9"]

    assert main(words) == ExitCode.UNAVAILABLE
    assert "http://127.0.0.1:9: the server cannot be reached" in capsys.readouterr().err


@pytest.fixture
def wire() -> Iterator[respx.MockRouter]:
    """A server whose jobs end at once."""
    with respx.mock(base_url=BASE, assert_all_called=False) as router:
        router.head(url__regex=r"/v1/jobs/j\d/upload").respond(headers={"Upload-Offset": "0"})
        router.patch(url__regex=r"/v1/jobs/j\d/upload").respond(204, headers={"Upload-Offset": "5"})
        yield router


def job(job_id: str, state: JobState, **more: object) -> dict[str, object]:
    info = JobInfo(
        job_id=job_id,
        state=state,
        content_type="text",
        queue="gpu_fallback",
        priority=0,
        filename="note.txt",
        max_attempts=3,
        created_at="",
        updated_at="",
        artifacts=(
            ManifestLine(
                name="document.md",
                media_type="text/markdown",
                size=len(TRANSCRIPT),
                sha256=hashlib.sha256(TRANSCRIPT).hexdigest(),
            ),
        ),
    )
    return info.model_dump(mode="json") | more


def answer_jobs(wire: respx.MockRouter, **ends: dict[str, object]) -> None:
    created = [
        httpx.Response(
            201, json={"job_id": name, "state": "created", "upload": f"/v1/jobs/{name}/upload"}
        )
        for name in ends
    ]
    wire.post("/v1/jobs").mock(side_effect=created)
    for name, end in ends.items():
        news = {"job_id": name, "state": end["state"]}
        wire.get(f"/v1/jobs/{name}/events").respond(text=f"data: {json.dumps(news)}\n\n")
        wire.get(f"/v1/jobs/{name}").respond(json=end)
        wire.get(f"/v1/jobs/{name}/artifacts/document.md").respond(content=TRANSCRIPT)


def test_the_results_of_one_file_lie_in_the_folder_itself(
    wire: respx.MockRouter, note: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    answer_jobs(wire, j1=job("j1", JobState.COMPLETED))
    out = tmp_path / "out"

    assert main(["submit", str(note), "--wait", "--out", str(out)]) == 0

    told = capsys.readouterr()
    assert told.out.splitlines() == [str(out / "document.md")]
    assert (out / "document.md").read_bytes() == TRANSCRIPT
    assert told.err.splitlines() == [
        "note.txt: sending",
        "note.txt: fetching",
        "note.txt: completed",
    ]


def test_the_results_of_several_files_lie_in_a_folder_each(
    wire: respx.MockRouter, note: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    answer_jobs(wire, j1=job("j1", JobState.COMPLETED), j2=job("j2", JobState.COMPLETED))
    out = tmp_path / "out"

    assert main(["submit", str(note), str(note), "--out", str(out)]) == 0

    assert capsys.readouterr().out.splitlines() == [
        str(out / "note.txt" / "document.md"),
        str(out / "note.txt-2" / "document.md"),
    ]


def test_a_job_that_failed_is_told_with_its_code_and_ends_with_1(
    wire: respx.MockRouter, note: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    failed = job("j1", JobState.FAILED, code="media_unreadable", message="no sound in it")
    answer_jobs(wire, j1=failed, j2=job("j2", JobState.COMPLETED))

    assert main(["submit", str(note), str(note), "--wait"]) == ExitCode.NO

    told = capsys.readouterr()
    assert told.err.splitlines()[-1] == (
        f"error: {note}: job j1 failed: media_unreadable: no sound in it"
    )
    assert told.out.splitlines() == [f"j2  completed  {note}"]
