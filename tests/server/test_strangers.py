"""What strangers may send, and how little it costs us."""

from pathlib import Path

import pytest
from structlog.testing import capture_logs

from agent.server.blobs import FOLDER
from agent.server.digits import number_in
from tests.server.world import INPUT, TUS, code_of, metadata, sha256, world

pytestmark = pytest.mark.real_time
MANY = "9" * 5000


@pytest.mark.parametrize("text", ["0", "007", str(2**63 - 1)])
def test_decimal_digits_are_a_number(text: str) -> None:
    assert number_in(text) == int(text)


@pytest.mark.parametrize("text", ["", "-1", "+1", " 1", "1_000", "1.0", "१", "²", MANY, str(2**63)])
def test_nothing_else_is_a_number(text: str) -> None:
    assert number_in(text) is None


@pytest.mark.parametrize("body", [b"{", b"[" * 2**21, b'{"content_type": "audio"}'])
@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("POST", "/v1/jobs"),
        ("PUT", "/v1/agents/a1"),
        ("POST", "/v1/leases/x/renew"),
        ("POST", "/v1/agents/a1/directive"),
    ],
)
async def test_a_body_of_somebody_without_a_token_is_not_even_read(
    tmp_path: Path, method: str, path: str, body: bytes
) -> None:
    async with world(tmp_path) as w:
        answer = await w.stranger.request(
            method, path, content=body, headers={"Content-Type": "application/json"}
        )

        assert code_of(answer) == (401, "unauthorized")


@pytest.mark.parametrize("length", [MANY, "1_0", "+10", "10.0"])
async def test_a_length_that_is_no_plain_number_is_400(tmp_path: Path, length: str) -> None:
    async with world(tmp_path) as w:
        await w.submit()
        agent = await w.agent()
        lease = (await agent.take())["lease_id"]
        said = metadata(name="a.md", media_type="text/plain", sha256=sha256(b""))

        answer = await agent.http.post(
            f"/v1/leases/{lease}/artifacts",
            headers=TUS | agent.boot_header | {"Upload-Length": length, "Upload-Metadata": said},
        )

        assert code_of(answer) == (400, "bad_request")


async def test_an_offset_of_thousands_of_digits_is_400(tmp_path: Path) -> None:
    async with world(tmp_path) as w:
        upload = (await w.create(size=len(INPUT))).json()["upload"]

        answer = await w.send(upload, 0, INPUT, **{"Upload-Offset": MANY})

        assert code_of(answer) == (400, "bad_request")


async def test_an_event_id_of_thousands_of_digits_is_none_at_all(tmp_path: Path) -> None:
    async with world(tmp_path) as w:
        job_id = await w.submit()
        await w.client.post(f"/v1/jobs/{job_id}/cancel")

        got = await w.client.get(f"/v1/jobs/{job_id}/events", headers={"Last-Event-ID": MANY})

        assert (got.status_code, "id: 1\n" in got.text) == (200, True)


async def test_an_artifact_that_is_missing_on_disk_is_404_and_one_line_in_the_log(
    tmp_path: Path,
) -> None:
    async with world(tmp_path) as w:
        job_id = await w.submit()
        agent = await w.agent()
        lease = (await agent.take())["lease_id"]
        await agent.finish(lease, **{"a.md": b"done"})
        (stored,) = (p for p in (tmp_path / FOLDER / job_id).rglob("*/*") if p.is_file())
        stored.unlink()

        with capture_logs() as logs:
            answer = await w.client.get(f"/v1/jobs/{job_id}/artifacts/a.md")

        assert code_of(answer) == (404, "unknown_artifact")
        assert [line["event"] for line in logs] == ["file.missing"]
