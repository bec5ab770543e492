"""tus 1.0.0 for artifacts, and for the input of a client's job."""

import base64
import hashlib
from pathlib import Path

import pytest

from tests.server.world import (
    INPUT,
    OCTETS,
    TUS,
    AgentSide,
    World,
    code_of,
    metadata,
    sha256,
    world,
)

pytestmark = pytest.mark.real_time
CONTENT = b"0123456789" * 10


async def _held(w: World) -> tuple[AgentSide, str]:
    await w.submit()
    agent = await w.agent()
    return agent, (await agent.take())["lease_id"]


async def _upload(w: World, content: bytes = CONTENT) -> tuple[AgentSide, str, str]:
    agent, lease = await _held(w)
    created = await agent.create_upload(lease, "a.md", content)
    return agent, lease, created.headers["location"]


def checksum(algorithm: str, content: bytes) -> dict[str, str]:
    digest = hashlib.new(algorithm, content).digest()
    return {"Upload-Checksum": f"{algorithm} {base64.b64encode(digest).decode()}"}


async def test_options_tells_what_the_server_knows(tmp_path: Path) -> None:
    async with world(tmp_path) as w:
        for url in ("/v1/leases/x/artifacts", "/v1/leases/x/artifacts/y", "/v1/jobs/x/upload"):
            told = await w.stranger.options(url)

            assert told.status_code == 204
            assert told.headers["tus-version"] == "1.0.0"
            assert told.headers["tus-extension"] == (
                "creation,creation-with-upload,checksum,termination"
            )
            assert told.headers["tus-checksum-algorithm"] == "sha1,sha256"
            assert int(told.headers["tus-max-size"]) > 0


async def test_creation_gives_201_and_a_location_under_the_lease(tmp_path: Path) -> None:
    async with world(tmp_path) as w:
        agent, lease = await _held(w)

        created = await agent.create_upload(lease, "a.md", CONTENT)

        assert created.status_code == 201
        assert created.headers["location"].startswith(f"/v1/leases/{lease}/artifacts/")
        assert created.headers["tus-resumable"] == "1.0.0"


async def test_head_tells_offset_length_and_metadata(tmp_path: Path) -> None:
    async with world(tmp_path) as w:
        agent, _, url = await _upload(w)
        await agent.patch(url, 0, CONTENT[:30])

        head = await agent.head(url)

        assert (head.headers["upload-offset"], head.headers["upload-length"]) == ("30", "100")
        assert head.headers["cache-control"] == "no-store"
        expected = metadata(name="a.md", media_type="text/plain", sha256=sha256(CONTENT))
        assert head.headers["upload-metadata"] == expected


async def test_patches_append_until_the_file_is_whole(tmp_path: Path) -> None:
    async with world(tmp_path) as w:
        agent, lease, url = await _upload(w)

        for start in range(0, 100, 25):
            sent = await agent.patch(url, start, CONTENT[start : start + 25])
            assert (sent.status_code, sent.headers["upload-offset"]) == (204, str(start + 25))

        line = {"name": "a.md", "media_type": "text/plain", "size": 100, "sha256": sha256(CONTENT)}
        assert (await agent.say(lease, "complete", manifest=[line])).status_code == 200


async def test_a_wrong_offset_is_409_and_changes_nothing(tmp_path: Path) -> None:
    async with world(tmp_path) as w:
        agent, _, url = await _upload(w)
        await agent.patch(url, 0, CONTENT[:30])

        wrong = await agent.patch(url, 20, CONTENT[20:])

        assert code_of(wrong) == (409, "offset_mismatch")
        assert wrong.headers["upload-offset"] == "30"
        assert (await agent.head(url)).headers["upload-offset"] == "30"


@pytest.mark.parametrize("algorithm", ["sha1", "sha256"])
async def test_a_wrong_checksum_is_460_and_the_bytes_are_discarded(
    tmp_path: Path, algorithm: str
) -> None:
    async with world(tmp_path) as w:
        agent, _, url = await _upload(w)
        await agent.patch(url, 0, CONTENT[:30], **checksum(algorithm, CONTENT[:30]))

        wrong = await agent.patch(url, 30, b"torn", **checksum(algorithm, b"whole"))

        assert code_of(wrong) == (460, "checksum_mismatch")
        assert (await agent.head(url)).headers["upload-offset"] == "30"
        rest = await agent.patch(url, 30, CONTENT[30:], **checksum(algorithm, CONTENT[30:]))
        assert rest.status_code == 204


@pytest.mark.parametrize("header", ["md5 abcd", "sha1 ???", "sha256"])
async def test_a_checksum_that_we_do_not_know_is_400(tmp_path: Path, header: str) -> None:
    async with world(tmp_path) as w:
        agent, _, url = await _upload(w)

        answer = await agent.patch(url, 0, CONTENT, **{"Upload-Checksum": header})

        assert answer.status_code in {400, 460}
        assert (await agent.head(url)).headers["upload-offset"] == "0"


async def test_a_file_that_is_not_what_was_announced_starts_again(tmp_path: Path) -> None:
    async with world(tmp_path) as w:
        agent, _, url = await _upload(w)

        wrong = await agent.patch(url, 0, b"x" * 100)

        assert code_of(wrong) == (460, "checksum_mismatch")
        assert (await agent.head(url)).headers["upload-offset"] == "0"
        assert (await agent.patch(url, 0, CONTENT)).status_code == 204


async def test_more_bytes_than_announced_are_413_and_leave_nothing(tmp_path: Path) -> None:
    async with world(tmp_path) as w:
        agent, _, url = await _upload(w)

        assert code_of(await agent.patch(url, 0, CONTENT + b"!")) == (413, "too_large")
        assert (await agent.head(url)).headers["upload-offset"] == "0"


async def test_the_same_name_and_digest_returns_the_same_upload(tmp_path: Path) -> None:
    async with world(tmp_path) as w:
        agent, lease, url = await _upload(w)
        await agent.patch(url, 0, CONTENT[:30])

        again = await agent.create_upload(lease, "a.md", CONTENT)

        assert (again.status_code, again.headers["location"]) == (201, url)
        assert (await agent.head(url)).headers["upload-offset"] == "30"


async def test_the_same_name_with_another_digest_replaces_it(tmp_path: Path) -> None:
    async with world(tmp_path) as w:
        agent, lease, url = await _upload(w)
        await agent.patch(url, 0, CONTENT)

        line = await agent.upload(lease, "a.md", b"better")

        assert (await agent.head(url)).status_code == 404
        done = await agent.say(lease, "complete", manifest=[line])
        assert done.status_code == 200
        job_id = done.json()["job_id"]
        got = await w.client.get(f"/v1/jobs/{job_id}/artifacts/a.md")
        assert got.content == b"better"


async def test_creation_with_upload_takes_the_first_bytes(tmp_path: Path) -> None:
    async with world(tmp_path) as w:
        agent, lease = await _held(w)
        headers = (
            TUS
            | OCTETS
            | agent.boot_header
            | {
                "Upload-Length": "100",
                "Upload-Metadata": metadata(name="a.md", sha256=sha256(CONTENT)),
            }
        )

        created = await agent.http.post(
            f"/v1/leases/{lease}/artifacts", headers=headers, content=CONTENT[:60]
        )

        assert (created.status_code, created.headers["upload-offset"]) == (201, "60")
        rest = await agent.patch(created.headers["location"], 60, CONTENT[60:])
        assert rest.status_code == 204


async def test_an_empty_file_is_whole_at_its_creation(tmp_path: Path) -> None:
    async with world(tmp_path) as w:
        agent, lease = await _held(w)

        assert (await agent.finish(lease, **{"empty.md": b""})).status_code == 200


async def test_a_terminated_upload_is_gone(tmp_path: Path) -> None:
    async with world(tmp_path) as w:
        agent, _, url = await _upload(w)
        headers = TUS | agent.boot_header

        assert (await agent.http.delete(url, headers=headers)).status_code == 204
        assert (await agent.head(url)).status_code == 404
        assert code_of(await agent.http.delete(url, headers=headers)) == (404, "unknown_upload")


async def test_the_method_may_be_overridden(tmp_path: Path) -> None:
    async with world(tmp_path) as w:
        agent, _, url = await _upload(w)
        headers = TUS | OCTETS | agent.boot_header | {"Upload-Offset": "0"}

        sent = await agent.http.post(
            url, content=CONTENT, headers=headers | {"X-HTTP-Method-Override": "PATCH"}
        )
        plain = await agent.http.post(url, content=CONTENT, headers=headers)

        assert (sent.status_code, plain.status_code) == (204, 405)


async def test_another_tus_version_is_412_with_ours(tmp_path: Path) -> None:
    async with world(tmp_path) as w:
        agent, _, url = await _upload(w)

        answer = await agent.patch(url, 0, CONTENT, **{"Tus-Resumable": "0.2.2"})

        assert (answer.status_code, answer.headers["tus-version"]) == (412, "1.0.0")


async def test_another_content_type_is_415(tmp_path: Path) -> None:
    async with world(tmp_path) as w:
        agent, _, url = await _upload(w)

        answer = await agent.patch(url, 0, CONTENT, **{"Content-Type": "text/plain"})

        assert code_of(answer) == (415, "unsupported_type")


@pytest.mark.parametrize("name", ["", "../up", ".hidden", "a/b/c", "a b", "/etc/passwd"])
async def test_a_name_that_an_artifact_may_not_have_is_invalid(tmp_path: Path, name: str) -> None:
    async with world(tmp_path) as w:
        agent, lease = await _held(w)

        answer = await agent.create_upload(lease, name, b"x")

        assert code_of(answer) == (422, "invalid")
        assert answer.json()["field"] == "Upload-Metadata.name"


@pytest.mark.parametrize(
    "broken",
    [{"Upload-Length": "many"}, {"Upload-Length": "-1"}, {"Upload-Metadata": "name ???"}],
)
async def test_headers_that_cannot_be_read_are_400(tmp_path: Path, broken: dict[str, str]) -> None:
    async with world(tmp_path) as w:
        agent, lease = await _held(w)
        headers = (
            TUS
            | agent.boot_header
            | {
                "Upload-Length": "1",
                "Upload-Metadata": metadata(name="a.md", sha256=sha256(b"x")),
            }
        )

        answer = await agent.http.post(f"/v1/leases/{lease}/artifacts", headers=headers | broken)

        assert code_of(answer) == (400, "bad_request")


async def test_an_upload_above_the_limit_is_413(tmp_path: Path) -> None:
    async with world(tmp_path, max_upload_bytes=50) as w:
        agent, lease = await _held(w)

        assert code_of(await agent.create_upload(lease, "a.md", CONTENT)) == (413, "too_large")
        assert code_of(await w.create(size=51)) == (413, "too_large")


async def test_a_disk_without_room_is_507(tmp_path: Path) -> None:
    async with world(tmp_path, reserve_bytes=2**62) as w:
        assert code_of(await w.create(size=1)) == (507, "disk_full")


async def test_an_artifact_of_another_attempt_is_unknown(tmp_path: Path) -> None:
    async with world(tmp_path) as w:
        agent, lease, url = await _upload(w)
        await w.submit()
        other = await agent.take()

        foreign = url.replace(lease, other["lease_id"])

        assert (await agent.head(foreign)).status_code == 404


async def test_a_clients_upload_starts_with_head_and_may_be_cut_into_parts(
    tmp_path: Path,
) -> None:
    async with world(tmp_path) as w:
        created = (await w.create(size=len(INPUT), sha256=sha256(INPUT))).json()
        head = await w.client.head(created["upload"], headers=TUS)
        assert (head.headers["upload-offset"], head.headers["upload-length"]) == ("0", "18")

        await w.send(created["upload"], 0, INPUT[:5])
        await w.send(created["upload"], 5, INPUT[5:])

        assert await w.state(created["job_id"]) == "queued"
        done = await w.client.head(created["upload"], headers=TUS)
        assert done.headers["upload-offset"] == "18"
        assert (await w.send(created["upload"], 18, b"")).status_code == 204


async def test_a_clients_file_with_the_wrong_digest_is_460_and_starts_again(
    tmp_path: Path,
) -> None:
    async with world(tmp_path) as w:
        created = (await w.create(size=3, sha256=sha256(b"abc"))).json()

        wrong = await w.send(created["upload"], 0, b"xyz")

        assert code_of(wrong) == (460, "checksum_mismatch")
        head = await w.client.head(created["upload"], headers=TUS)
        assert head.headers["upload-offset"] == "0"
        assert await w.state(created["job_id"]) == "created"
        assert (await w.send(created["upload"], 0, b"abc")).status_code == 204
        assert await w.state(created["job_id"]) == "queued"


async def test_terminating_a_clients_upload_cancels_its_job(tmp_path: Path) -> None:
    async with world(tmp_path) as w:
        created = (await w.create(size=3)).json()

        assert (await w.client.delete(created["upload"], headers=TUS)).status_code == 204
        assert await w.state(created["job_id"]) == "cancelled"
        whole = await w.submit()
        kept = await w.client.delete(f"/v1/jobs/{whole}/upload", headers=TUS)
        assert code_of(kept) == (409, "job_active")


async def test_an_upload_of_an_unknown_job_is_404(tmp_path: Path) -> None:
    async with world(tmp_path) as w:
        assert (await w.client.head("/v1/jobs/none/upload", headers=TUS)).status_code == 404
