"""Nothing is open; each kind of key opens its own part, in whichever header it comes."""

from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest

from agent.server.tokens import TokenKind, create_token, list_tokens, revoke_token
from tests.server.morag.old import TEXT, OldWorld, detail_of, old_world

pytestmark = pytest.mark.real_time
JOB = "0" * 24
OF_CREATORS = [
    ("POST", "/api/v1/remote-jobs/"),
    ("GET", "/api/v1/workers"),
    ("GET", "/api/v1/workers/stats"),
    ("GET", "/api/v1/workers/w"),
]
OF_WORKERS = [
    ("GET", "/api/v1/remote-jobs/poll?worker_id=w&content_types=audio"),
    ("GET", f"/api/v1/remote-jobs/{JOB}/download"),
    ("PUT", f"/api/v1/remote-jobs/{JOB}/result"),
    ("POST", "/api/v1/workers/register"),
    ("POST", "/api/v1/workers/w/heartbeat"),
]
OF_BOTH = [
    ("GET", f"/api/v1/remote-jobs/{JOB}/status"),
    ("DELETE", "/api/v1/workers/w"),
]


async def ask(http: httpx.AsyncClient, method: str, url: str, **headers: str) -> httpx.Response:
    body: dict[str, str] | None = {} if method in {"POST", "PUT"} else None
    return await http.request(method, url, json=body, headers=headers)


def agent_token(w: OldWorld) -> str:
    return create_token(w.world.folder, TokenKind.AGENT, agent_id="box")


@pytest.mark.parametrize(("method", "url"), OF_CREATORS + OF_WORKERS + OF_BOTH)
async def test_without_a_key_there_is_nothing(tmp_path: Path, method: str, url: str) -> None:
    async with old_world(tmp_path) as w:
        answer = await ask(w.world.stranger, method, url)
        wrong = await ask(w.world.stranger, method, url, Authorization="Bearer nonsense")

        assert detail_of(answer) == detail_of(wrong) == (401, "no valid token")
        assert answer.headers["www-authenticate"].startswith("Bearer")


@pytest.mark.parametrize(("method", "url"), OF_CREATORS)
async def test_a_workers_key_creates_and_lists_nothing(
    tmp_path: Path, method: str, url: str
) -> None:
    async with old_world(tmp_path) as w:
        key = {"Authorization": f"Bearer {agent_token(w)}"}
        answer = await ask(w.world.stranger, method, url, **key)

        # A body that is wrong anyway may be told first; it is never acted upon.
        assert answer.status_code in {403, 422}
        if method != "POST":
            assert detail_of(answer)[0] == 403


@pytest.mark.parametrize(("method", "url"), OF_WORKERS)
async def test_a_creators_key_does_no_work(tmp_path: Path, method: str, url: str) -> None:
    async with old_world(tmp_path) as w:
        answer = await ask(w.client, method, url)

        assert answer.status_code in {403, 422}
        if method == "GET":
            assert detail_of(answer)[0] == 403


async def test_a_valid_body_with_the_wrong_kind_of_key_is_forbidden(tmp_path: Path) -> None:
    async with old_world(tmp_path) as w:
        job_id, worker = await w.create(), w.worker()
        await worker.take()
        body = {
            "source_file_path": str(w.file()),
            "content_type": "audio",
            "ingestion_task_id": "",
        }
        created = await worker.http.post("/api/v1/remote-jobs/", json=body)
        url = f"/api/v1/remote-jobs/{job_id}/result"
        brought = await w.client.put(url, json={"success": True, "content": TEXT})

        assert detail_of(created)[0] == detail_of(brought)[0] == 403
        assert (await w.status(job_id))["status"] == "processing"


@pytest.mark.parametrize(
    "form",
    [
        {"Authorization": "Bearer {}"},
        {"Authorization": "bearer {}"},
        {"Authorization": "ApiKey {}"},
        {"X-API-Key": "{}"},
        {"Authorization": "Basic bm9uZTpub25l", "X-API-Key": "{}"},
    ],
)
async def test_every_form_of_the_key_is_taken(tmp_path: Path, form: dict[str, str]) -> None:
    async with old_world(tmp_path) as w:
        secret = agent_token(w)
        key = {name: value.format(secret) for name, value in form.items()}
        answer = await ask(w.world.stranger, *OF_WORKERS[0], **key)

        assert answer.status_code == 200


async def test_the_new_forms_are_of_the_old_urls_only(tmp_path: Path) -> None:
    async with old_world(tmp_path) as w:
        key = {"X-API-Key": create_token(w.world.folder, TokenKind.CLIENT)}

        assert (await ask(w.world.stranger, "GET", "/v1/jobs", **key)).status_code == 401


async def test_a_revoked_key_opens_nothing(tmp_path: Path) -> None:
    async with old_world(tmp_path) as w:
        worker = w.worker()
        assert (await worker.ask()).status_code == 200
        for token in list_tokens(w.world.folder):
            revoke_token(w.world.folder, token.token_id)
        w.clock.advance(1)

        assert (await worker.ask()).status_code == 401


async def test_no_body_is_read_for_a_stranger(tmp_path: Path) -> None:
    async with old_world(tmp_path) as w:
        read = 0

        async def endless() -> AsyncIterator[bytes]:
            nonlocal read
            while True:
                read += 1
                yield b"x" * 1000

        url = f"/api/v1/remote-jobs/{JOB}/result"
        answer = await w.world.stranger.put(url, content=endless())

        assert answer.status_code == 401
        assert read <= 1


async def test_without_the_setting_the_old_urls_are_not_there(tmp_path: Path) -> None:
    async with old_world(tmp_path, server={"morag": None}) as w:
        for method, url in OF_CREATORS + OF_WORKERS + OF_BOTH:
            assert (await ask(w.client, method, url)).status_code == 404
