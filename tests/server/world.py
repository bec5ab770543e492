"""A server in this process with a clock that stands still, and both kinds of callers."""

import base64
import hashlib
import itertools
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import httpx
from fastapi import FastAPI

from agent.server.app import create_app
from agent.server.server import Server
from agent.server.settings import ServerSettings
from agent.server.tokens import TokenKind, create_token

START = 1_800_000_000.0
INPUT = b"the input of a job"
TUS = {"Tus-Resumable": "1.0.0"}
OCTETS = {"Content-Type": "application/offset+octet-stream"}
_numbers = itertools.count(1)


class ManualClock:
    def __init__(self, now: float = START) -> None:
        self._now = now

    def now(self) -> float:
        return self._now

    def advance(self, seconds: float) -> None:
        self._now += seconds


def sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def metadata(**values: str) -> str:
    return ",".join(f"{k} {base64.b64encode(v.encode()).decode()}" for k, v in values.items())


def code_of(answer: httpx.Response) -> tuple[int, str]:
    assert answer.headers["content-type"] == "application/problem+json", answer.text
    return answer.status_code, answer.json()["code"]


@dataclass
class AgentSide:
    """Speaks as one agent; what it sends is data of the test."""

    http: httpx.AsyncClient
    agent_id: str
    boot: str = "boot-1"
    seq: int | None = 1
    types: Sequence[str] = ("audio",)
    queues: Sequence[str] = ()

    def reborn(self, boot: str = "boot-2", seq: int | None = 2) -> "AgentSide":
        return replace(self, boot=boot, seq=seq)

    @property
    def boot_header(self) -> dict[str, str]:
        return {"Agent-Boot-Id": self.boot}

    async def hello(self, *resuming: dict[str, str], **more: object) -> httpx.Response:
        body: dict[str, object] = {
            "boot_id": self.boot,
            "capability": "gpu",
            "content_types": self.types,
            "queues": self.queues,
            "slots": 1,
            "resuming": resuming,
        }
        if self.seq is not None:
            body["boot_seq"] = self.seq
        return await self.http.put(f"/v1/agents/{self.agent_id}", json=body | more)

    async def ask(self, **more: object) -> httpx.Response:
        body: dict[str, object] = {
            "boot_id": self.boot,
            "request_id": f"request-{next(_numbers)}",
            "wait_s": 0,
            "free_slots": 1,
        }
        return await self.http.post(f"/v1/agents/{self.agent_id}/poll", json=body | more)

    async def poll(self, **more: object) -> Any:
        answer = await self.ask(**more)
        assert answer.status_code == 200, answer.text
        return answer.json()

    async def take(self, **more: object) -> Any:
        """An offer, accepted."""
        offer = (await self.poll(**more))["offer"]
        assert offer is not None
        renewed = await self.renew(offer["lease_id"])
        assert renewed.status_code == 200, renewed.text
        return offer

    async def say(self, lease_id: str, verb: str, **body: object) -> httpx.Response:
        url = f"/v1/leases/{lease_id}/{verb}"
        return await self.http.post(url, json=body, headers=self.boot_header)

    async def renew(self, lease_id: str, **more: object) -> httpx.Response:
        return await self.say(lease_id, "renew", **({"stage": "processing"} | more))

    async def create_upload(
        self, lease_id: str, name: str, content: bytes, **more: str
    ) -> httpx.Response:
        headers = (
            TUS
            | self.boot_header
            | {
                "Upload-Length": str(len(content)),
                "Upload-Metadata": metadata(
                    **({"name": name, "media_type": "text/plain", "sha256": sha256(content)} | more)
                ),
            }
        )
        return await self.http.post(f"/v1/leases/{lease_id}/artifacts", headers=headers)

    async def patch(self, url: str, offset: int, content: bytes, **headers: str) -> httpx.Response:
        return await self.http.patch(
            url,
            content=content,
            headers=TUS | OCTETS | self.boot_header | {"Upload-Offset": str(offset)} | headers,
        )

    async def head(self, url: str) -> httpx.Response:
        return await self.http.head(url, headers=TUS | self.boot_header)

    async def upload(self, lease_id: str, name: str, content: bytes) -> dict[str, object]:
        """The manifest's line for a file that now lies at the server."""
        created = await self.create_upload(lease_id, name, content)
        assert created.status_code == 201, created.text
        if content:
            patched = await self.patch(created.headers["location"], 0, content)
            assert patched.status_code == 204, patched.text
        return {
            "name": name,
            "media_type": "text/plain",
            "size": len(content),
            "sha256": sha256(content),
        }

    async def finish(self, lease_id: str, **files: bytes) -> httpx.Response:
        manifest = [await self.upload(lease_id, name, data) for name, data in files.items()]
        return await self.say(lease_id, "complete", manifest=manifest)

    async def sign_off(self, *keep: str) -> httpx.Response:
        url = f"/v1/agents/{self.agent_id}"
        return await self.http.request("DELETE", url, json={"keep": keep}, headers=self.boot_header)


@dataclass
class World:
    app: FastAPI
    clock: ManualClock
    folder: Path
    client: httpx.AsyncClient
    stranger: httpx.AsyncClient
    """Without a token."""
    others: list[httpx.AsyncClient] = field(default_factory=list)

    @property
    def server(self) -> Server:
        server: Server = self.app.state.server
        return server

    async def agent(self, agent_id: str = "a1", **more: Any) -> AgentSide:
        """An agent that has said hello."""
        side = self.agent_side(agent_id, **more)
        answer = await side.hello()
        assert answer.status_code == 200, answer.text
        return side

    def agent_side(self, agent_id: str = "a1", **more: Any) -> AgentSide:
        token = create_token(self.folder, TokenKind.AGENT, agent_id=agent_id)
        http = caller(self.app, token)
        self.others.append(http)
        return AgentSide(http, agent_id, **more)

    async def submit(self, content: bytes = INPUT, **more: Any) -> str:
        """A job that is queued."""
        answer = await self.create(size=len(content), **more)
        assert answer.status_code == 201, answer.text
        upload = answer.json()["upload"]
        sent = await self.send(upload, 0, content)
        assert sent.status_code == 204, sent.text
        job_id: str = answer.json()["job_id"]
        return job_id

    async def create(self, **more: object) -> httpx.Response:
        body: dict[str, object] = {"content_type": "audio", "filename": "a.mp3"}
        return await self.client.post("/v1/jobs", json=body | more)

    async def send(self, url: str, offset: int, content: bytes, **more: str) -> httpx.Response:
        headers = TUS | OCTETS | {"Upload-Offset": str(offset)} | more
        return await self.client.patch(url, content=content, headers=headers)

    async def job(self, job_id: str) -> Any:
        answer = await self.client.get(f"/v1/jobs/{job_id}")
        assert answer.status_code == 200, answer.text
        return answer.json()

    async def state(self, job_id: str) -> str:
        state: str = (await self.job(job_id))["state"]
        return state

    async def after(self, seconds: float) -> None:
        """Time passes, and the server notices."""
        self.clock.advance(seconds)
        await self.server.sweep()


def caller(app: FastAPI, token: str | None) -> httpx.AsyncClient:
    headers = {} if token is None else {"Authorization": f"Bearer {token}"}
    transport = httpx.ASGITransport(app)
    return httpx.AsyncClient(transport=transport, base_url="http://server", headers=headers)


@asynccontextmanager
async def world(
    folder: Path, clock: ManualClock | None = None, **more: Any
) -> AsyncIterator[World]:
    clock = clock or ManualClock()
    settings = replace(ServerSettings(folder=folder, sweep_every_s=0.05), **more)
    app = create_app(settings, clock=clock)
    client = caller(app, create_token(folder, TokenKind.CLIENT))
    there = World(app, clock, folder, client, caller(app, None))
    try:
        async with there.server.lifespan():
            yield there
    finally:
        for http in (client, there.stranger, *there.others):
            await http.aclose()
