"""Clients: what our own verbs say and understand; more of it in tests/edges and tests/cli."""

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import httpx
import pytest
import respx

from agent.edges.jobs_client import JobsClient
from agent.model.errors import RequestRefusedError
from agent.model.ids import JobId
from agent.wire.jobs import JobState, NewJob
from tests.edges.server import SERVER, TOKEN, connected, problem

JOBS = f"{SERVER}/v1/jobs"
JOB = f"{JOBS}/j1"
UPLOAD = f"{JOB}/upload"
J1 = JobId("j1")
NEW = NewJob(content_type="audio", filename="talk.mp3", size=4, idempotency_key="k")


@asynccontextmanager
async def client_side() -> AsyncIterator[JobsClient]:
    async with connected() as connection:
        yield JobsClient(connection)


@respx.mock
async def test_a_job_is_announced_with_what_is_required_and_its_key() -> None:
    route = respx.post(JOBS).respond(
        201, json={"job_id": "j1", "state": "created", "upload": "/v1/jobs/j1/upload"}
    )

    async with client_side() as client:
        created = await client.create(NEW)

    said = json.loads(route.calls.last.request.content)
    assert {"content_type", "filename", "size", "idempotency_key"} <= said.keys()
    assert route.calls.last.request.headers["authorization"] == f"Bearer {TOKEN}"
    assert (created.job_id, created.state) == ("j1", JobState.CREATED)


@respx.mock
async def test_the_same_key_gives_the_same_job_with_200() -> None:
    respx.post(JOBS).respond(200, json={"job_id": "j1", "state": "queued", "upload": None})

    async with client_side() as client:
        created = await client.create(NEW)

    assert (created.job_id, created.state) == ("j1", JobState.QUEUED)


@respx.mock
async def test_the_same_key_with_another_body_is_key_reused() -> None:
    respx.post(JOBS).mock(return_value=problem("key_reused"))

    async with client_side() as client:
        with pytest.raises(RequestRefusedError, match="key_reused"):
            await client.create(NEW)


@pytest.mark.real_time
@respx.mock
async def test_the_upload_exists_already_and_is_begun_with_head(tmp_path: Path) -> None:
    file = tmp_path / "talk.mp3"
    file.write_bytes(b"talk")
    head = respx.head(UPLOAD).respond(200, headers={"Upload-Offset": "1"})
    patch = respx.patch(UPLOAD).respond(204, headers={"Upload-Offset": "4"})

    async with client_side() as client:
        await client.upload("/v1/jobs/j1/upload", file, 4, lambda _: None)

    assert head.call_count == 1
    sent = patch.calls.last.request
    assert (sent.headers["upload-offset"], sent.content) == ("1", b"alk")


@pytest.mark.parametrize(
    ("verb", "method", "address"),
    [
        ("cancel", "POST", f"{JOB}/cancel"),
        ("retry", "POST", f"{JOB}/retry"),
        ("remove", "DELETE", JOB),
    ],
)
@respx.mock
async def test_a_job_is_cancelled_retried_and_removed_at_its_own_address(
    verb: str, method: str, address: str
) -> None:
    route = respx.request(method, address).respond(200, json={})

    async with client_side() as client:
        await getattr(client, verb)(J1)

    assert route.call_count == 1


@respx.mock
async def test_a_job_that_is_held_cannot_be_removed() -> None:
    respx.delete(JOB).mock(return_value=problem("job_active"))

    async with client_side() as client:
        with pytest.raises(RequestRefusedError, match="job_active"):
            await client.remove(J1)


@respx.mock
async def test_unknown_fields_of_an_answer_are_ignored() -> None:
    answer = {"job_id": "j1", "state": "created", "upload": "/u", "colour": "blue"}
    respx.post(JOBS).mock(return_value=httpx.Response(201, json=answer))

    async with client_side() as client:
        assert (await client.create(NEW)).job_id == "j1"
