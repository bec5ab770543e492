"""Whatever is wrong is told in one clear sentence, and the next job is done."""

import json
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.end_to_end.house import House

pytestmark = pytest.mark.slow


def test_no_token(house: House) -> None:
    done = house.run("run", "--server-url", "http://127.0.0.1:9", "--dialect", "native")

    assert done.returncode == 78
    assert "there is no token" in done.stderr
    assert "token create" in done.stderr


def test_no_token_for_a_server_that_turns_out_to_want_one(house: House) -> None:
    house.serve()

    spool = str(house.folder / "spool")
    done = house.run("run", "--server-url", house.server_url, "--spool", spool)

    assert done.returncode == 78
    assert "there is no token" in done.stderr
    assert "token create" in done.stderr


def test_no_token_is_told_while_nobody_knows_whether_one_is_wanted(house: House) -> None:
    spool = str(house.folder / "spool")
    agent = house.start("run", ["run", "--server-url", "http://127.0.0.1:9", "--spool", spool])

    agent.wait_for("hello.postponed")

    (told,) = agent.events("token.missing")
    assert "there is no token" in told["reason"]


def test_a_wrong_token_is_told_at_once_and_tried_again_later(house: House) -> None:
    house.serve()
    (house.folder / "attic.token").write_text("nonsense\n")
    (house.folder / "attic.token").chmod(0o600)

    agent = house.agent()

    agent.wait_for("hello.postponed")
    told = agent.events("hello.postponed")[0]
    assert told["retry_in_s"] == 30.0
    assert "token" in told["reason"]
    assert agent.process.poll() is None


def test_a_server_that_is_down_at_the_start_is_waited_for(house: House) -> None:
    server = house.serve()
    port = int(house.server_url.rsplit(":", 1)[1])
    house.token("attic", "--agent", "attic")
    server.process.kill()
    server.end()
    agent = house.agent()
    agent.wait_for("hello.postponed")
    house.serve(port=port)

    job = house.ended(house.create_job(b"at last\n"))

    assert job["state"] == "completed"
    assert "cannot be reached" in agent.events("hello.postponed")[0]["reason"]


def fails_then_goes_on(house: House, code: str, *words: str, **job: object) -> str:
    """The job fails with `code`, for good, and says why; the one after it is done."""
    content = job.pop("content", b"something\n")
    assert isinstance(content, bytes)
    failed = house.ended(house.create_job(content, **job))  # type: ignore[arg-type]
    after = house.ended(house.create_job(b"the next one\n"))

    assert failed["state"] == "failed"
    assert failed["code"] == code
    for word in words:
        assert word in failed["message"]
    assert after["state"] == "completed"
    return str(failed["message"])


@pytest.fixture
def working(house: House) -> House:
    house.serve()
    house.agent()
    return house


def test_an_unknown_option_is_named_with_the_known_ones(working: House) -> None:
    fails_then_goes_on(
        working,
        "options_invalid",
        "langauge",
        "language",
        content_type="audio",
        options={"langauge": "en"},
    )


def test_an_empty_file_is_called_empty(working: House) -> None:
    fails_then_goes_on(working, "media_unreadable", "empty", content=b"")


def test_a_text_that_is_named_mp3_is_called_unreadable(working: House) -> None:
    fails_then_goes_on(
        working,
        "media_unreadable",
        content=b"I am no song, whatever my name says.\n" * 50,
        filename="song.mp3",
        content_type="audio",
    )


def test_a_job_of_a_type_that_nobody_does_waits_and_the_agent_says_why(working: House) -> None:
    waiting = working.create_job(b"\x00" * 10, "clip.mp4", content_type="video")
    done = working.ended(working.create_job(b"the next one\n"))

    agent = working.started[-1]
    agent.wait_for("the waiting jobs are not for us")
    assert done["state"] == "completed"
    assert working.job(waiting)["state"] == "queued"


def test_a_type_that_does_not_exist_is_refused_by_the_agent_before_it_starts(house: House) -> None:
    done = house.run(
        "run",
        *("--content-types", "audio,smell"),
        environ={"MORAG_AGENT_TOKEN": "x" * 20},
    )

    assert done.returncode == 78
    assert "smell" in done.stderr
    assert "audio" in done.stderr


def test_a_file_over_the_agents_limit_waits_for_another_and_the_reason_is_told(
    house: House,
) -> None:
    house.serve()
    agent = house.agent("attic", "--max-file-size", "1KB")
    large = house.create_job(b"x" * 2000)

    after = house.ended(house.create_job(b"small\n"))

    assert after["state"] == "completed"
    assert house.job(large)["state"] == "queued"
    agent.wait_for("the waiting jobs are not for us")


def test_a_full_disk_takes_no_job_and_says_so(house: House) -> None:
    house.serve()
    agent = house.agent("attic", "--spool-reserve", "1000000GB")
    waiting = house.create_job(b"no room\n")

    agent.wait_for("agent.idle")

    assert "GB free" in agent.events("agent.idle")[0]["reason"]
    assert house.job(waiting)["state"] == "queued"


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 32 MB, where the tests may mount one."""
    disk = tmp_path / "disk"
    disk.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=32m", "tmpfs", str(disk)], check=False
    )
    if mounted.returncode:
        pytest.skip("only root may mount a small disk")
    yield disk
    subprocess.run(["umount", "--lazy", str(disk)], check=True)


def test_a_disk_that_fills_up_in_mid_download_hands_the_job_back(
    house: House, small_disk: Path
) -> None:
    house.serve()
    words = ("--spool", str(small_disk / "spool"), "--spool-reserve", "1MB")
    agent = house.agent("attic", *words)
    agent.wait_for("hello.answered")
    time.sleep(0.5)  # its poll is on the way, with the room that there is now
    (small_disk / "filler").write_bytes(b"x" * 27 * 2**20)

    large = house.create_job(b"x" * 8 * 2**20, "large.txt")
    agent.wait_for("job.released")
    (small_disk / "filler").unlink()
    after = house.ended(house.create_job(b"there is room again\n"))

    assert "disk_full" in agent.events("job.released")[0]["reason"]
    assert house.job(large)["state"] == "queued"
    assert house.job(large)["attempts"][0]["outcome"] == "released"
    assert after["state"] == "completed"


def test_secrets_never_reach_the_logs(house: House) -> None:
    house.serve()
    agent = house.agent()
    secret = "hunter2-is-the-webhook-password"  # noqa: S105 - a canary

    house.ended(house.create_job(b"x\n", options={"webhook_auth_token": secret}))

    token = (house.folder / "attic.token").read_text().strip()
    said = agent.said() + house.started[0].said()
    assert token not in said
    assert secret not in said
    assert house.client_token not in said


def test_every_line_of_a_job_carries_its_job_and_lease(house: House) -> None:
    house.serve()
    agent = house.agent()

    job_id = house.create_job(b"x\n")
    house.ended(job_id)
    agent.wait_for("job.ended")

    lines = [json.loads(line) for line in agent.said().splitlines() if line.startswith("{")]
    of_jobs = [
        line
        for line in lines
        if str(line["event"]).split(".")[0] in {"offer", "lease", "stage", "job"}
    ]
    assert len(of_jobs) >= 6
    assert {line["job_id"] for line in of_jobs} == {job_id}
    assert len({line["lease_id"] for line in of_jobs}) == 1
