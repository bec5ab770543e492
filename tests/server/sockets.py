"""The same server on a real socket, for what a transport in memory cannot show."""

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import httpx
from fastapi import FastAPI

from agent.server.app import create_app
from agent.server.clock import ServerClock
from agent.server.serving import GracefulServer, server_for
from agent.server.settings import ServerSettings
from agent.server.tokens import TokenKind, create_token
from tests.server.world import AgentSide


@dataclass
class Online:
    app: FastAPI
    served: GracefulServer
    url: str
    port: int
    client: httpx.AsyncClient
    agent: AgentSide
    tokens: dict[str, str]

    async def parked(self, count: int = 1) -> None:
        matchmaker = self.app.state.server.running.matchmaker
        async with asyncio.timeout(10):
            while len(matchmaker) != count:
                await asyncio.sleep(0.01)


@asynccontextmanager
async def online(folder: Path, **more: object) -> AsyncIterator[Online]:
    settings = replace(ServerSettings(folder=folder), **more)  # type: ignore[arg-type]
    app = create_app(settings, clock=ServerClock())
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        port = listening.getsockname()[1]
        served = server_for(app, "127.0.0.1", port)
        tokens = {
            "client": create_token(folder, TokenKind.CLIENT),
            "agent": create_token(folder, TokenKind.AGENT, agent_id="a1"),
        }
        url = f"http://127.0.0.1:{port}"
        async with (
            caller(url, tokens["client"]) as client,
            caller(url, tokens["agent"]) as http,
            asyncio.TaskGroup() as group,
        ):
            serving = group.create_task(served.serve([listening]))
            while not served.started and not serving.done():
                await asyncio.sleep(0.01)
            yield Online(app, served, url, port, client, AgentSide(http, "a1"), tokens)
            served.should_exit = True


def caller(url: str, token: str) -> httpx.AsyncClient:
    return httpx.AsyncClient(base_url=url, headers={"Authorization": f"Bearer {token}"}, timeout=20)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


async def until_up(client: httpx.AsyncClient) -> None:
    async with asyncio.timeout(20):
        while True:
            try:
                await client.get("/healthz")
            except httpx.TransportError:
                await asyncio.sleep(0.05)
            else:
                return
