import stat
from dataclasses import replace
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from agent.edges.morag.claims import FOLDER, LARGEST, DiskClaims
from agent.model.claim import Claim
from agent.model.errors import SpoolError
from agent.model.failures import FailureCode
from agent.model.ids import Bytes, JobId

pytestmark = pytest.mark.real_time

SERVER = "http://morag:8000"
CLAIM = Claim(
    job_id=JobId("../../etc/passwd"),
    url="/api/v1/remote-jobs/j1/download",
    content_type="audio",
    options={"language": "de", "deep": {"list": [1, None, "ä"]}},
    filename="ä.mp3",
    size=Bytes(7),
    failures=1,
    last_failure=FailureCode.TIMEOUT,
    returns=2,
    is_sent=True,
)


async def test_the_next_start_reads_them(tmp_path: Path) -> None:
    await DiskClaims(tmp_path, SERVER).save(CLAIM)

    assert await DiskClaims(tmp_path, SERVER).all() == (CLAIM,)


async def test_only_the_owner_may_look(tmp_path: Path) -> None:
    await DiskClaims(tmp_path, SERVER).save(CLAIM)

    (note,) = (tmp_path / FOLDER).iterdir()
    assert stat.S_IMODE((tmp_path / FOLDER).stat().st_mode) == 0o700
    assert stat.S_IMODE(note.stat().st_mode) == 0o600


async def test_a_later_note_replaces_the_earlier_one(tmp_path: Path) -> None:
    claims = DiskClaims(tmp_path, SERVER)
    await claims.save(CLAIM)
    await claims.save(replace(CLAIM, failures=2))

    assert [claim.failures for claim in await claims.all()] == [2]


async def test_what_is_settled_is_forgotten_and_may_be_forgotten_again(tmp_path: Path) -> None:
    claims = DiskClaims(tmp_path, SERVER)
    await claims.save(CLAIM)

    await claims.forget(CLAIM.job_id)
    await claims.forget(CLAIM.job_id)

    assert await claims.all() == ()


async def test_another_servers_jobs_wait_for_it(tmp_path: Path) -> None:
    other = DiskClaims(tmp_path, "http://other")
    await other.save(CLAIM)

    with capture_logs() as lines:
        assert await DiskClaims(tmp_path, SERVER).all() == ()
    assert await other.all() == (CLAIM,)
    assert [line["event"] for line in lines] == ["claim.of_another_server"]
    assert "taken from http://other" in lines[0]["reason"]


async def test_the_same_job_id_of_two_servers_is_two_jobs(tmp_path: Path) -> None:
    await DiskClaims(tmp_path, "http://other").save(CLAIM)
    await DiskClaims(tmp_path, SERVER).save(CLAIM)
    await DiskClaims(tmp_path, "http://other").forget(CLAIM.job_id)

    assert await DiskClaims(tmp_path, SERVER).all() == (CLAIM,)


@pytest.mark.parametrize("content", [b"", b"{", b'{"version":2}', b"x" * (LARGEST + 1)])
async def test_a_note_that_cannot_be_read_is_told_and_stops_nothing(
    tmp_path: Path, content: bytes
) -> None:
    claims = DiskClaims(tmp_path, SERVER)
    await claims.save(CLAIM)
    (tmp_path / FOLDER / "torn.json").write_bytes(content)

    with capture_logs() as lines:
        assert await claims.all() == (CLAIM,)

    assert [line["event"] for line in lines] == ["claim.not_read"]


async def test_a_disk_that_refuses_is_an_error_of_the_spool(tmp_path: Path) -> None:
    with pytest.raises(SpoolError):
        await DiskClaims(tmp_path / "gone", SERVER).save(CLAIM)
