"""The input download: ranges, ETags, and whose it is."""

from pathlib import Path

import pytest
from structlog.testing import capture_logs

from agent.server.blobs import FOLDER
from tests.server.world import AgentSide, World, code_of, sha256, world

pytestmark = pytest.mark.real_time
CONTENT = bytes(range(256)) * 4


async def _taken(w: World, content: bytes = CONTENT) -> tuple[AgentSide, str]:
    await w.submit(content)
    agent = await w.agent()
    return agent, (await agent.take())["input"]["url"]


async def test_the_whole_input_comes_with_a_strong_etag(tmp_path: Path) -> None:
    async with world(tmp_path) as w:
        agent, url = await _taken(w)

        got = await agent.http.get(url)

        assert (got.status_code, got.content) == (200, CONTENT)
        assert got.headers["etag"] == f'"{sha256(CONTENT)}"'
        assert got.headers["accept-ranges"] == "bytes"


@pytest.mark.parametrize(
    ("wanted", "first", "last"),
    [
        ("bytes=0-0", 0, 0),
        ("bytes=1000-", 1000, 1023),
        ("bytes=-24", 1000, 1023),
        ("bytes=10-99999", 10, 1023),
        ("bytes=-99999", 0, 1023),
    ],
)
async def test_one_range_is_206(tmp_path: Path, wanted: str, first: int, last: int) -> None:
    async with world(tmp_path) as w:
        agent, url = await _taken(w)

        got = await agent.http.get(url, headers={"Range": wanted})

        assert (got.status_code, got.content) == (206, CONTENT[first : last + 1])
        assert got.headers["content-range"] == f"bytes {first}-{last}/1024"
        assert got.headers["etag"] == f'"{sha256(CONTENT)}"'


@pytest.mark.parametrize("wanted", ["bytes=1024-", "bytes=5000-6000", "bytes=-0"])
async def test_a_range_behind_the_end_is_416_with_the_size(tmp_path: Path, wanted: str) -> None:
    async with world(tmp_path) as w:
        agent, url = await _taken(w)

        got = await agent.http.get(url, headers={"Range": wanted})

        assert code_of(got) == (416, "bad_request")
        assert got.headers["content-range"] == "bytes */1024"


@pytest.mark.parametrize(
    "wanted", ["lines=1-2", "bytes=5-2", "bytes=-", "bytes=0-1,5-6", f"bytes={'9' * 5000}-"]
)
async def test_a_range_that_we_do_not_understand_gets_everything(
    tmp_path: Path, wanted: str
) -> None:
    async with world(tmp_path) as w:
        agent, url = await _taken(w)

        got = await agent.http.get(url, headers={"Range": wanted})

        assert (got.status_code, got.content) == (200, CONTENT)


async def test_if_range_with_the_same_etag_resumes_and_with_another_starts_again(
    tmp_path: Path,
) -> None:
    async with world(tmp_path) as w:
        agent, url = await _taken(w)
        same = {"Range": "bytes=1000-", "If-Range": f'"{sha256(CONTENT)}"'}

        assert (await agent.http.get(url, headers=same)).status_code == 206
        changed = await agent.http.get(url, headers=same | {"If-Range": '"another"'})
        assert (changed.status_code, changed.content) == (200, CONTENT)


async def test_head_tells_size_and_etag_without_a_body(tmp_path: Path) -> None:
    async with world(tmp_path) as w:
        agent, url = await _taken(w)

        got = await agent.http.head(url)

        assert (got.headers["content-length"], got.content) == ("1024", b"")


async def test_an_empty_input_is_an_empty_answer(tmp_path: Path) -> None:
    async with world(tmp_path) as w:
        agent, url = await _taken(w, b"")

        got = await agent.http.get(url)

        assert (got.status_code, got.content) == (200, b"")


async def test_the_input_of_an_offer_that_is_not_accepted_is_refused(tmp_path: Path) -> None:
    async with world(tmp_path) as w:
        await w.submit()
        agent = await w.agent()
        offer = (await agent.poll())["offer"]

        assert code_of(await agent.http.get(offer["input"]["url"])) == (403, "forbidden")


async def test_the_input_of_a_lease_that_ran_out_is_served_until_another_has_accepted(
    tmp_path: Path,
) -> None:
    async with world(tmp_path) as w:
        agent, url = await _taken(w)
        await w.after(91)
        assert (await agent.http.get(url)).status_code == 200

        await (await w.agent("a2")).take()

        lost = await agent.http.get(url)
        assert code_of(lost) == (409, "lease_lost")
        assert lost.json()["reason"] == "superseded"


async def test_an_input_held_elsewhere_is_offered_with_its_own_url(tmp_path: Path) -> None:
    async with world(tmp_path) as w:
        created = await w.create(input_url="https://files.example/a.mp3", size=7)
        assert created.json()["upload"] is None
        agent = await w.agent()

        offer = await agent.take()

        assert offer["input"]["url"] == "https://files.example/a.mp3"
        assert offer["input"]["etag"] is None
        ours = await agent.http.get(f"/v1/leases/{offer['lease_id']}/input")
        assert code_of(ours) == (404, "unknown_upload")


@pytest.mark.parametrize("content", [None, b"cut short"], ids=["gone", "cut short"])
async def test_an_input_that_is_missing_on_disk_is_a_problem_that_agents_try_again(
    tmp_path: Path, content: bytes | None
) -> None:
    """To them it is a source that answers, so that the job ends as `input_unavailable`."""
    async with world(tmp_path) as w:
        agent, url = await _taken(w)
        (stored,) = (tmp_path / FOLDER).rglob("input")
        stored.unlink()
        if content is not None:
            stored.write_bytes(content)

        with capture_logs() as logs:
            answer = await agent.http.get(url)

        assert code_of(answer) == (503, "unavailable")
        assert [(line["event"], line["path"]) for line in logs] == [("file.missing", str(stored))]
