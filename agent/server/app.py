"""The Job API as an ASGI app."""

import random
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from fastapi import FastAPI

import agent
from agent.server import answers
from agent.server.clock import Clock, ServerClock
from agent.server.metrics import Measured
from agent.server.morag import creators, workers, working
from agent.server.morag.desk import Desk
from agent.server.routes import agents, events, fleet, jobs, leases, system, trials, uploads
from agent.server.server import Server
from agent.server.settings import MoragSettings, ServerSettings
from agent.wire.problems import MEDIA_TYPE, Problem
from agent.wire.routes import OPENAPI


def create_app(
    settings: ServerSettings, *, clock: Clock | None = None, rng: random.Random | None = None
) -> FastAPI:
    """An app that touches nothing until its lifespan begins.

    It may be served alone or mounted in another app. Frameworks do not run the lifespan of a
    mounted app, so the parent enters it in its own:

        gpu = create_app(settings)

        @asynccontextmanager
        async def lifespan(app):
            server = gpu.state.server
            async with server.lifespan():
                with told_of_signals(server.stop_waiting):
                    yield

        app = FastAPI(lifespan=lifespan)
        app.mount("/gpu", gpu)

    `agent.server.stopping.told_of_signals` has the parked polls answered as soon as the process
    is told to stop; otherwise the parent's server would wait for them to time out.
    """
    server = Server(settings, clock or ServerClock(), rng or random.Random())

    @asynccontextmanager
    async def lifespan(_app: FastAPI) -> AsyncIterator[None]:
        async with server.lifespan():
            yield

    app = _JobApi(
        title="MoRAG Job API",
        version=agent.__version__,
        lifespan=lifespan,
        openapi_url=OPENAPI,
        docs_url=None,
        redoc_url=None,
        responses={"default": {"model": Problem, "description": "Any error, with its code."}},
    )
    app.state.server = server
    answers.add_to(app)
    app.add_middleware(Measured, metrics=server.metrics, clock=server.clock)
    for module in (agents, leases, uploads, jobs, events, fleet, trials, system):
        app.include_router(module.router)
    if settings.morag is not None:
        _answer_morag(app, server, settings.morag)
    return app


def _answer_morag(app: FastAPI, server: Server, settings: MoragSettings) -> None:
    desk = app.state.morag = Desk(server, settings)
    server.accompany(desk.lifespan)
    for module in (creators, working, workers):
        app.include_router(module.router)


class _JobApi(FastAPI):
    def openapi(self) -> dict[str, Any]:
        """FastAPI knows only JSON errors; ours are problem documents."""
        schema = super().openapi()
        for path in schema["paths"].values():
            for operation in path.values():
                content = operation["responses"]["default"]["content"]
                if "application/json" in content:
                    content[MEDIA_TYPE] = content.pop("application/json")
        return schema
