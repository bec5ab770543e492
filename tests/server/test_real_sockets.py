"""Dead connections, cut uploads, event streams and stopping, over TCP."""

import asyncio
from pathlib import Path

import httpx
import pytest

from tests.server.sockets import Online, caller, online
from tests.server.world import OCTETS, TUS, sha256

pytestmark = pytest.mark.real_time
MIB = 1024 * 1024


async def _submit(there: Online, content: bytes = b"input") -> str:
    body = {"content_type": "audio", "filename": "a", "size": len(content)}
    created = (await there.client.post("/v1/jobs", json=body)).json()
    sent = await there.client.patch(
        created["upload"], content=content, headers=TUS | OCTETS | {"Upload-Offset": "0"}
    )
    assert sent.status_code == 204, sent.text
    job_id: str = created["job_id"]
    return job_id


async def _state(there: Online, job_id: str) -> str:
    state: str = (await there.client.get(f"/v1/jobs/{job_id}")).json()["state"]
    return state


async def test_an_offer_is_never_handed_to_a_connection_that_has_gone(tmp_path: Path) -> None:
    async with online(tmp_path) as there, asyncio.TaskGroup() as group:
        await there.agent.hello()
        lonely = caller(there.url, there.tokens["agent"])
        body = {"boot_id": "boot-1", "request_id": "gone", "wait_s": 20, "free_slots": 1}
        poll = group.create_task(lonely.post("/v1/agents/a1/poll", json=body))
        await there.parked()
        poll.cancel()
        await lonely.aclose()
        await there.parked(0)

        job_id = await _submit(there)

        assert await _state(there, job_id) == "queued"
        assert (await there.agent.poll())["offer"]["job_id"] == job_id


async def test_bytes_received_before_a_cut_survive_it(tmp_path: Path) -> None:
    async with online(tmp_path) as there:
        await there.agent.hello()
        await _submit(there)
        lease = (await there.agent.take())["lease_id"]
        content = bytes(range(256)) * (12 * 1024)
        url = (await there.agent.create_upload(lease, "a.bin", content)).headers["location"]

        await _send_half(there, url, content, 2 * MIB)
        offset = int((await there.agent.head(url)).headers["upload-offset"])
        rest = await there.agent.patch(url, offset, content[offset:])

        # What uvicorn itself had not handed over yet is at most a few reads.
        assert MIB <= offset <= 2 * MIB
        assert rest.status_code == 204
        line = {
            "name": "a.bin",
            "media_type": "text/plain",
            "size": len(content),
            "sha256": sha256(content),
        }
        assert (await there.agent.say(lease, "complete", manifest=[line])).status_code == 200


async def _send_half(there: Online, url: str, content: bytes, count: int) -> None:
    """A PATCH whose connection dies after `count` bytes of the body."""
    reader, writer = await _begin_patch(there, url, len(content))
    writer.write(content[:count])
    await writer.drain()
    writer.close()
    await writer.wait_closed()
    assert not await reader.read()


async def _begin_patch(
    there: Online, url: str, length: int
) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    reader, writer = await asyncio.open_connection("127.0.0.1", there.port)
    headers = {
        "Host": "server",
        "Authorization": f"Bearer {there.tokens['agent']}",
        "Content-Length": str(length),
        "Upload-Offset": "0",
        **TUS,
        **OCTETS,
        **there.agent.boot_header,
    }
    lines = [f"PATCH {url} HTTP/1.1", *(f"{name}: {value}" for name, value in headers.items())]
    writer.write("\r\n".join([*lines, "", ""]).encode())
    return reader, writer


async def test_head_takes_over_from_a_connection_that_has_fallen_silent(tmp_path: Path) -> None:
    async with online(tmp_path) as there, asyncio.timeout(10):
        await there.agent.hello()
        await _submit(there)
        lease = (await there.agent.take())["lease_id"]
        content = b"x" * MIB
        url = (await there.agent.create_upload(lease, "a.bin", content)).headers["location"]
        _, silent = await _begin_patch(there, url, len(content))
        silent.write(content[:1000])
        await silent.drain()
        await asyncio.sleep(0.2)

        offset = int((await there.agent.head(url)).headers["upload-offset"])
        rest = await there.agent.patch(url, offset, content[offset:])

        assert (offset, rest.status_code) == (1000, 204)
        silent.close()
        await silent.wait_closed()


async def test_a_large_input_comes_in_ranges_byte_for_byte(tmp_path: Path) -> None:
    async with online(tmp_path) as there:
        content = bytes(range(256)) * (20 * 1024)
        await there.agent.hello()
        await _submit(there, content)
        url = (await there.agent.take())["input"]["url"]

        pieces = [
            (await there.agent.http.get(url, headers={"Range": f"bytes={start}-{start + MIB - 1}"}))
            for start in range(0, len(content), MIB)
        ]

        assert b"".join(piece.content for piece in pieces) == content
        assert {piece.status_code for piece in pieces} == {206}


async def test_events_arrive_while_the_job_runs_and_the_stream_ends_with_it(
    tmp_path: Path,
) -> None:
    async with online(tmp_path, heartbeat_s=0.05) as there, asyncio.timeout(20):
        await there.agent.hello()
        job_id = await _submit(there)
        seen: list[str] = []
        async with there.client.stream("GET", f"/v1/jobs/{job_id}/events") as stream:
            lines = stream.aiter_lines()
            while ": still here" not in seen:
                seen.append(await anext(lines))
            lease = (await there.agent.take())["lease_id"]
            await there.agent.renew(lease, stage="processing", progress=0.5)
            await there.agent.finish(lease, **{"a.md": b"done"})
            seen += [line async for line in lines]

        events = [line.removeprefix("event: ") for line in seen if line.startswith("event: ")]
        assert events == ["state"] * 4 + ["progress", "state"]


async def test_the_server_stops_within_a_second_though_polls_and_streams_are_open(
    tmp_path: Path,
) -> None:
    loop = asyncio.get_running_loop()
    async with online(tmp_path) as there, asyncio.TaskGroup() as group:
        await there.agent.hello()
        job_id = await _submit(there)
        await there.agent.take()
        poll = group.create_task(there.agent.ask(wait_s=20))
        stream = group.create_task(there.client.get(f"/v1/jobs/{job_id}/events"))
        await there.parked()
        await asyncio.sleep(0.2)

        began = loop.time()
        there.served.should_exit = True
        answers: list[httpx.Response] = [await poll, await stream]
        while there.app.state.server.is_running:
            await asyncio.sleep(0.01)

        assert loop.time() - began < 1.0
        assert [answer.status_code for answer in answers] == [200, 200]
