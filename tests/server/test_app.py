"""The app as a whole: mounted elsewhere, its schema, its metrics, its health."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import httpx
import pytest
from fastapi import FastAPI

from agent.server.app import create_app
from agent.server.openapi import schema
from agent.server.settings import ServerSettings
from agent.server.stopping import told_of_signals
from agent.server.tokens import TokenKind, create_token
from tests.server.world import INPUT, AgentSide, World, code_of, world

pytestmark = pytest.mark.real_time
ROOT = Path(__file__).parents[2]


@asynccontextmanager
async def mounted(folder: Path) -> AsyncIterator[FastAPI]:
    """As the docstring of `create_app` shows it."""
    gpu = create_app(ServerSettings(folder=folder))

    @asynccontextmanager
    async def lifespan(_app: FastAPI) -> AsyncIterator[None]:
        server = gpu.state.server
        async with server.lifespan():
            with told_of_signals(server.stop_waiting):
                yield

    app = FastAPI(lifespan=lifespan)
    app.mount("/gpu", gpu)
    async with app.router.lifespan_context(app):
        yield app


async def test_mounted_in_another_app_every_url_carries_the_prefix(tmp_path: Path) -> None:
    client_token = create_token(tmp_path, TokenKind.CLIENT)
    agent_token = create_token(tmp_path, TokenKind.AGENT, agent_id="a1")
    async with (
        mounted(tmp_path) as app,
        httpx.AsyncClient(
            transport=httpx.ASGITransport(app),
            base_url="http://server",
            headers={"Authorization": f"Bearer {client_token}"},
        ) as client,
        httpx.AsyncClient(
            transport=httpx.ASGITransport(app),
            base_url="http://server/gpu",
            headers={"Authorization": f"Bearer {agent_token}"},
        ) as http,
    ):
        body = {"content_type": "audio", "filename": "a", "size": len(INPUT)}
        created = (await client.post("/gpu/v1/jobs", json=body)).json()
        assert created["upload"] == f"/gpu/v1/jobs/{created['job_id']}/upload"
        headers = {
            "Tus-Resumable": "1.0.0",
            "Content-Type": "application/offset+octet-stream",
            "Upload-Offset": "0",
        }
        await client.patch(created["upload"], content=INPUT, headers=headers)
        agent = AgentSide(http, "a1")
        await agent.hello()
        offer = await agent.take()

        assert offer["input"]["url"] == f"/gpu/v1/leases/{offer['lease_id']}/input"
        got = await client.get(
            offer["input"]["url"], headers={"Authorization": f"Bearer {agent_token}"}
        )
        assert got.content == INPUT
        upload = await agent.create_upload(offer["lease_id"], "a.md", b"x")
        assert upload.headers["location"].startswith(f"/gpu/v1/leases/{offer['lease_id']}/")


def test_making_the_app_touches_nothing(tmp_path: Path) -> None:
    create_app(ServerSettings(folder=tmp_path / "data"))

    assert not list(tmp_path.iterdir())


def test_the_schema_in_docs_is_the_schema_of_the_code() -> None:
    """Stale? `python -m agent.server.openapi > docs/openapi.json`."""
    assert (ROOT / "docs" / "openapi.json").read_text(encoding="utf-8") == schema()


async def test_health_is_open_and_tells_the_servers_time(tmp_path: Path) -> None:
    async with world(tmp_path) as w:
        health = await w.stranger.get("/healthz")

        assert health.status_code == 200
        assert health.json()["time"] == "2027-01-15T08:00:00.000+00:00"


async def test_the_schema_is_open_and_there_are_no_pages(tmp_path: Path) -> None:
    async with world(tmp_path) as w:
        assert (await w.stranger.get("/openapi.json")).status_code == 200
        assert (await w.stranger.get("/docs")).status_code == 404


async def test_metrics_take_a_client_token_and_tell_real_numbers(tmp_path: Path) -> None:
    async with world(tmp_path) as w:
        await w.submit()
        await w.create(size=1)
        agent = await w.agent()
        url = (await agent.take())["input"]["url"]
        await agent.http.get(url)
        await w.after(91)

        assert code_of(await w.stranger.get("/metrics")) == (401, "unauthorized")
        shown = await _metrics(w)
        assert shown['morag_jobs{state="created"}'] == 1
        assert shown['morag_jobs{state="queued"}'] == 1
        assert shown["morag_offers_total"] == 1
        assert shown["morag_leases_expired_total"] == 1
        assert shown["morag_received_bytes_total"] == len(INPUT)
        assert shown["morag_sent_bytes_total"] == len(INPUT)
        assert shown["morag_polls_parked"] == 0
        route = 'method="POST",route="/v1/agents/{agent_id}/poll",status="200"'
        assert shown[f"morag_request_seconds_count{{{route}}}"] == 1


async def _metrics(w: World) -> dict[str, float]:
    text = (await w.client.get("/metrics")).text
    lines = [line.rsplit(" ", 1) for line in text.splitlines() if not line.startswith("#")]
    return {name: float(value) for name, value in lines}
