"""Errors: always problem+json, always with a code."""

import json
from pathlib import Path

import httpx
import pytest

from tests.server.world import INPUT, World, code_of, world

pytestmark = pytest.mark.real_time
JSON = {"Content-Type": "application/json"}


async def _post(
    w: World, body: str | bytes, media_type: str = "application/json"
) -> httpx.Response:
    return await w.client.post("/v1/jobs", content=body, headers={"Content-Type": media_type})


@pytest.mark.parametrize(
    "body",
    [
        "{",
        "nonsense",
        b"\xff\xfe",
        '{"content_type": "audio", "filename": "a", "size": NaN}',
        '{"content_type": "audio", "filename": "a", "size": 1, "options": {"x": -Infinity}}',
        '{"content_type": "a", "filename": "b", "size": 1, "options": {"x": 1e999}}',
        '{"content_type": "a", "filename": "\\ud800", "size": 1}',
        '{"content_type": "a", "filename": "b", "size": 1, "options": {"x": "\\udfff"}}',
        '{"options": ' + "[" * 100_000 + "]" * 100_000 + "}",
    ],
)
async def test_a_body_that_is_no_clean_json_is_400(tmp_path: Path, body: str | bytes) -> None:
    async with world(tmp_path) as w:
        assert code_of(await _post(w, body)) == (400, "bad_request")


async def test_nesting_is_limited_to_32(tmp_path: Path) -> None:
    async with world(tmp_path) as w:
        fits, too_deep = 30 * "[" + 30 * "]", 31 * "[" + 31 * "]"

        for options, status in ((fits, 201), (too_deep, 400)):
            body = f'{{"content_type":"a","filename":"b","size":1,"options":{{"x":{options}}}}}'
            assert (await _post(w, body)).status_code == status


async def test_a_json_body_above_one_mebibyte_is_413(tmp_path: Path) -> None:
    async with world(tmp_path) as w:
        assert code_of(await _post(w, json.dumps({"x": "y" * 2**20}))) == (413, "too_large")


async def test_a_body_that_is_not_declared_as_json_is_415(tmp_path: Path) -> None:
    async with world(tmp_path) as w:
        assert code_of(await _post(w, "{}", "text/plain")) == (415, "unsupported_type")


async def test_an_invalid_field_is_named_by_its_path(tmp_path: Path) -> None:
    async with world(tmp_path) as w:
        agent = w.agent_side()

        answer = await agent.hello(hardware={"gpus": [{"memory_bytes": -1}]})

        assert code_of(answer) == (422, "invalid")
        assert answer.json()["field"] == "hardware.gpus.0.memory_bytes"


async def test_unknown_paths_and_methods_are_problems_too(tmp_path: Path) -> None:
    async with world(tmp_path) as w:
        assert code_of(await w.client.get("/nowhere")) == (404, "bad_request")
        assert code_of(await w.client.patch("/v1/jobs")) == (405, "bad_request")


async def test_a_bug_is_500_internal(tmp_path: Path) -> None:
    async with world(tmp_path) as w:
        job_id = await w.submit()
        await w.server.store.run(lambda tx: tx.db.execute("UPDATE jobs SET manifest = 'no json'"))
        transport = httpx.ASGITransport(w.app, raise_app_exceptions=False)
        async with httpx.AsyncClient(
            transport=transport, base_url="http://server", headers=w.client.headers
        ) as client:
            assert code_of(await client.get(f"/v1/jobs/{job_id}")) == (500, "internal")


async def test_a_server_that_does_not_run_is_503(tmp_path: Path) -> None:
    async with world(tmp_path) as w:
        pass

    async with httpx.AsyncClient(
        transport=httpx.ASGITransport(w.app), base_url="http://server"
    ) as client:
        assert code_of(await client.get("/healthz")) == (503, "unavailable")


async def test_a_full_disk_is_507_and_what_was_written_is_kept(tmp_path: Path) -> None:
    async with world(tmp_path) as w:
        created = (await w.create(size=len(INPUT))).json()
        await w.send(created["upload"], 0, INPUT[:4])
    async with world(tmp_path, reserve_bytes=2**62) as w:
        full = await w.send(created["upload"], 4, INPUT[4:])
        assert code_of(full) == (507, "disk_full")

    async with world(tmp_path) as w:
        assert (await w.send(created["upload"], 4, INPUT[4:])).status_code == 204
