import asyncio
import hashlib
from collections.abc import AsyncIterator, Callable, Collection, Iterator
from pathlib import Path

import httpx
import pytest
import respx

from agent.edges import job_files
from agent.edges.http import Connection
from agent.edges.jobs_client import PATIENCE, JobsClient
from agent.edges.sse import events
from agent.model.errors import (
    CredentialsRefusedError,
    InputCorruptError,
    RequestRefusedError,
    ServerUnavailableError,
)
from agent.model.ids import JobId
from agent.wire.jobs import JobInfo, JobState, NewJob
from agent.wire.leases import ManifestLine

BASE = "http://server"
JOB = f"{BASE}/v1/jobs/j1"
UPLOAD = f"{JOB}/upload"
ARTIFACT = f"{JOB}/artifacts/transcript.md"
WHOLE = b"0123456789" * 10


@pytest.fixture
def server() -> Iterator[respx.MockRouter]:
    with respx.mock(assert_all_called=False) as router:
        yield router


@pytest.fixture
def client() -> JobsClient:
    return JobsClient(Connection(BASE, "client-token"))


def job(state: str, job_id: str = "j1") -> dict[str, object]:
    info = JobInfo(
        job_id=job_id,
        state=JobState(state),
        content_type="audio",
        queue="gpu_fallback",
        priority=0,
        filename="a.mp3",
        max_attempts=3,
        created_at="2026-01-01T00:00:00Z",
        updated_at="2026-01-01T00:00:00Z",
    )
    return info.model_dump(mode="json")


def problem(status: int, code: str) -> httpx.Response:
    return httpx.Response(status, json={"status": status, "code": code, "detail": "so it is"})


def news(*states: str) -> httpx.Response:
    text = "".join(f'data: {{"job_id": "j1", "state": "{state}"}}\n\n' for state in states)
    return httpx.Response(200, text=text)


class TusServer:
    """An upload whose server loses answers, or the connection, as the test says."""

    def __init__(
        self,
        *,
        lost: Collection[int] = (),
        limit: int | None = None,
        expected: bytes | None = None,
    ) -> None:
        self.held = b""
        self.lost = lost
        self.limit = limit
        self.expected = expected
        self.patches = 0

    def head(self, _request: httpx.Request) -> httpx.Response:
        return httpx.Response(200, headers={"Upload-Offset": str(len(self.held))})

    def patch(self, request: httpx.Request) -> httpx.Response:
        self.patches += 1
        if self.limit is not None and len(request.content) > self.limit:
            return problem(413, "too_large")
        assert request.headers["Upload-Offset"] == str(len(self.held))
        self.held += request.content
        if self.patches in self.lost:
            raise httpx.ReadError("cut")
        if self.expected is not None and len(self.held) == len(self.expected):
            self.held = b""
            return problem(460, "checksum_mismatch")
        return httpx.Response(204, headers={"Upload-Offset": str(len(self.held))})

    def listen(self, router: respx.MockRouter) -> None:
        router.head(UPLOAD).mock(side_effect=self.head)
        router.patch(UPLOAD).mock(side_effect=self.patch)


class RangeServer:
    """A file that is cut after `cut` bytes of every answer."""

    def __init__(self, *, cut: int, does_ranges: bool = True) -> None:
        self.cut = cut
        self.does_ranges = does_ranges
        self.ranges: list[str | None] = []

    def get(self, request: httpx.Request) -> httpx.Response:
        asked = request.headers.get("Range")
        self.ranges.append(asked)
        start = int(asked.removeprefix("bytes=").removesuffix("-")) if asked else 0
        if not self.does_ranges:
            return httpx.Response(200, content=WHOLE)
        headers = {"Content-Range": f"bytes {start}-{len(WHOLE) - 1}/{len(WHOLE)}"}
        status = 206 if start else 200
        return httpx.Response(status, headers=headers, content=self.part(start))

    async def part(self, start: int) -> AsyncIterator[bytes]:
        yield WHOLE[start : start + self.cut]
        if start + self.cut < len(WHOLE):
            raise httpx.ReadError("cut")


def manifest_line(content: bytes = WHOLE) -> ManifestLine:
    return ManifestLine(
        name="transcript.md",
        media_type="text/markdown",
        size=len(content),
        sha256=hashlib.sha256(content).hexdigest(),
    )


def ignore(_: int) -> None:
    pass


async def test_a_job_is_created_with_the_clients_token(
    server: respx.MockRouter, client: JobsClient
) -> None:
    route = server.post(f"{BASE}/v1/jobs").respond(
        201, json={"job_id": "j1", "state": "created", "upload": "/v1/jobs/j1/upload"}
    )

    created = await client.create(NewJob(content_type="text", filename="a.txt", size=1))

    assert created.upload == "/v1/jobs/j1/upload"
    assert route.calls.last.request.headers["Authorization"] == "Bearer client-token"


async def test_pages_are_asked_for_until_there_are_enough(
    server: respx.MockRouter, client: JobsClient
) -> None:
    server.get(f"{BASE}/v1/jobs", params={"cursor": "c2"}).respond(
        json={"jobs": [job("failed", "j2")], "next": None}
    )
    server.get(f"{BASE}/v1/jobs", params={"state": "failed", "limit": "5"}).respond(
        json={"jobs": [job("failed", "j1")], "next": "c2"}
    )

    jobs = await client.jobs(state="failed", limit=5)

    assert [one.job_id for one in jobs] == ["j1", "j2"]


@pytest.mark.parametrize(
    ("status", "code", "error"),
    [
        (401, "unauthorized", CredentialsRefusedError),
        (404, "unknown_job", RequestRefusedError),
        (409, "job_active", RequestRefusedError),
        (503, "unavailable", ServerUnavailableError),
    ],
)
async def test_what_the_server_refuses_is_one_of_our_errors(
    server: respx.MockRouter, client: JobsClient, status: int, code: str, error: type[Exception]
) -> None:
    server.delete(JOB).mock(return_value=problem(status, code))

    with pytest.raises(error, match="so it is"):
        await client.remove(JobId("j1"))


async def test_an_upload_goes_on_where_the_server_says_it_is(
    server: respx.MockRouter, client: JobsClient, tmp_path: Path
) -> None:
    file = tmp_path / "a"
    file.write_bytes(WHOLE)
    tus = TusServer(lost={1})
    tus.held = WHOLE[:30]
    tus.listen(server)
    told: list[int] = []

    await client.upload(UPLOAD, file, len(WHOLE), told.append)

    assert tus.held == WHOLE
    assert told[-1] == len(WHOLE)


async def test_parts_are_halved_where_something_on_the_way_refuses_them(
    server: respx.MockRouter, client: JobsClient, tmp_path: Path
) -> None:
    file = tmp_path / "a"
    content = bytes(3 * 1024 * 1024)
    file.write_bytes(content)
    tus = TusServer(limit=1024 * 1024)
    tus.listen(server)

    await client.upload(UPLOAD, file, len(content), ignore)

    assert tus.held == content


async def test_an_upload_that_no_part_is_small_enough_for_is_given_up(
    server: respx.MockRouter, client: JobsClient, tmp_path: Path
) -> None:
    file = tmp_path / "a"
    file.write_bytes(WHOLE)
    TusServer(limit=0).listen(server)

    with pytest.raises(ServerUnavailableError, match="refuses even"):
        await client.upload(UPLOAD, file, len(WHOLE), ignore)


async def test_an_upload_ends_when_nothing_moves(
    server: respx.MockRouter, client: JobsClient, tmp_path: Path
) -> None:
    file = tmp_path / "a"
    file.write_bytes(WHOLE)
    server.head(UPLOAD).respond(200, headers={"Upload-Offset": "0"})
    route = server.patch(UPLOAD).mock(side_effect=httpx.ConnectError("down"))

    with pytest.raises(ServerUnavailableError):
        await client.upload(UPLOAD, file, len(WHOLE), ignore)

    assert route.call_count == job_files.TRIES


async def test_a_file_that_changes_while_it_is_sent_is_told(
    server: respx.MockRouter, client: JobsClient, tmp_path: Path
) -> None:
    file = tmp_path / "a"
    file.write_bytes(WHOLE)
    tus = TusServer(expected=b"x" * len(WHOLE))
    tus.listen(server)

    with pytest.raises(InputCorruptError, match="changed while it was sent"):
        await client.upload(UPLOAD, file, len(WHOLE), ignore)

    assert tus.patches == 2


async def test_a_download_goes_on_where_it_was_cut(
    server: respx.MockRouter, client: JobsClient, tmp_path: Path
) -> None:
    source = RangeServer(cut=40)
    server.get(ARTIFACT).mock(side_effect=source.get)

    path = await client.artifact(JobId("j1"), manifest_line(), tmp_path, ignore)

    assert path.read_bytes() == WHOLE
    assert source.ranges == [None, "bytes=40-", "bytes=80-"]
    assert not (tmp_path / "transcript.md.part").exists()


async def test_a_download_of_an_earlier_call_is_gone_on_with(
    server: respx.MockRouter, client: JobsClient, tmp_path: Path
) -> None:
    (tmp_path / "transcript.md.part").write_bytes(WHOLE[:70])
    source = RangeServer(cut=100)
    server.get(ARTIFACT).mock(side_effect=source.get)

    await client.artifact(JobId("j1"), manifest_line(), tmp_path, ignore)

    assert source.ranges == ["bytes=70-"]


async def test_a_server_without_ranges_is_heard_from_the_beginning(
    server: respx.MockRouter, client: JobsClient, tmp_path: Path
) -> None:
    (tmp_path / "transcript.md.part").write_bytes(WHOLE[:70])
    source = RangeServer(cut=100, does_ranges=False)
    server.get(ARTIFACT).mock(side_effect=source.get)

    path = await client.artifact(JobId("j1"), manifest_line(), tmp_path, ignore)

    assert path.read_bytes() == WHOLE


async def test_leftovers_of_another_file_are_thrown_away(
    server: respx.MockRouter, client: JobsClient, tmp_path: Path
) -> None:
    (tmp_path / "transcript.md.part").write_bytes(b"x" * 70)
    server.get(ARTIFACT).mock(side_effect=RangeServer(cut=100).get)

    path = await client.artifact(JobId("j1"), manifest_line(), tmp_path, ignore)

    assert path.read_bytes() == WHOLE


async def test_a_result_with_the_wrong_digest_never_appears(
    server: respx.MockRouter, client: JobsClient, tmp_path: Path
) -> None:
    server.get(ARTIFACT).mock(side_effect=RangeServer(cut=100).get)
    other = manifest_line(b"x" * len(WHOLE))

    with pytest.raises(InputCorruptError, match=r"transcript\.md came twice"):
        await client.artifact(JobId("j1"), other, tmp_path, ignore)

    assert not (tmp_path / "transcript.md").exists()


async def test_a_download_ends_when_nothing_comes(
    server: respx.MockRouter, client: JobsClient, tmp_path: Path
) -> None:
    route = server.get(ARTIFACT).respond(200, content=b"")

    with pytest.raises(ServerUnavailableError, match="sent nothing"):
        await client.artifact(JobId("j1"), manifest_line(), tmp_path, ignore)

    assert route.call_count == job_files.TRIES


async def states_of(client: JobsClient) -> list[str]:
    return [event.state async for event in client.follow(JobId("j1"))]


async def test_a_job_is_followed_until_it_has_ended(
    server: respx.MockRouter, client: JobsClient
) -> None:
    server.get(f"{JOB}/events").mock(return_value=news("queued", "leased", "completed", "queued"))

    assert await states_of(client) == ["queued", "leased", "completed"]


async def test_a_cut_stream_is_bridged_by_asking(
    server: respx.MockRouter, client: JobsClient
) -> None:
    server.get(f"{JOB}/events").mock(side_effect=[news("queued"), news("completed")])
    server.get(JOB).respond(json=job("leased"))

    assert await states_of(client) == ["queued", "leased", "completed"]


async def test_a_server_without_events_is_asked_again_and_again(
    server: respx.MockRouter, client: JobsClient
) -> None:
    answers: Iterator[Callable[[], dict[str, object]]] = iter(
        (lambda: job("queued"), lambda: job("leased"), lambda: job("failed"))
    )
    server.get(f"{JOB}/events").mock(return_value=news())
    server.get(JOB).mock(side_effect=lambda _: httpx.Response(200, json=next(answers)()))

    assert await states_of(client) == ["queued", "leased", "failed"]


async def test_a_restart_of_the_server_is_waited_for(
    server: respx.MockRouter, client: JobsClient
) -> None:
    down = httpx.ConnectError("down")
    server.get(f"{JOB}/events").mock(side_effect=[down, down, news("completed")])

    assert await states_of(client) == ["completed"]


async def test_a_server_that_stays_away_is_given_up_after_some_minutes(
    server: respx.MockRouter, client: JobsClient
) -> None:
    route = server.get(f"{JOB}/events").mock(side_effect=httpx.ConnectError("down"))
    began = asyncio.get_running_loop().time()

    with pytest.raises(ServerUnavailableError):
        await states_of(client)

    assert route.call_count == PATIENCE
    assert 120 < asyncio.get_running_loop().time() - began < 600


async def test_garbage_in_the_stream_is_a_cut(server: respx.MockRouter, client: JobsClient) -> None:
    server.get(f"{JOB}/events").mock(
        side_effect=[httpx.Response(200, text="data: {\n\n"), news("completed")]
    )

    assert await states_of(client) == ["completed"]


async def test_a_refused_token_ends_the_wait_at_once(
    server: respx.MockRouter, client: JobsClient
) -> None:
    server.get(f"{JOB}/events").mock(return_value=problem(401, "unauthorized"))

    with pytest.raises(CredentialsRefusedError):
        await states_of(client)


async def data_of(*chunks: bytes) -> list[str]:
    async def come() -> AsyncIterator[bytes]:
        for chunk in chunks:
            yield chunk

    return [data async for data in events(come())]


async def test_events_may_be_cut_anywhere_and_carry_comments_and_other_fields() -> None:
    raw = (
        b": hello\r\n\r\nid: 7\r\ndata: a\r\ndata:b\n\nevent: x\ndata: c\xe2\x80\xa8d\n\ndata: lost"
    )

    assert await data_of(raw) == ["a\nb", "c\u2028d"]
    assert await data_of(*(raw[i : i + 1] for i in range(len(raw)))) == ["a\nb", "c\u2028d"]


async def test_a_line_without_an_end_is_not_read_forever() -> None:
    with pytest.raises(ServerUnavailableError, match="1 MiB"):
        await data_of(*([b"x" * 65536] * 20))
