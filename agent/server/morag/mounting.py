"""MoRAG's old URLs inside MoRAG's own server, where they have always been."""

from fastapi import FastAPI
from starlette.routing import BaseRoute, Match
from starlette.types import Receive, Scope, Send

from agent.wire.morag import JOBS
from agent.wire.morag_workers import WORKERS


class OldUrls(BaseRoute):
    """A route for both families of URLs, with their paths as they are.

        app.mount("/gpu", gpu)
        app.router.routes.insert(0, OldUrls(gpu))

    A mount would not do: `/api/v1/workers` itself, without a slash, lies outside of one.
    """

    def __init__(self, gpu: FastAPI) -> None:
        self._gpu = gpu

    def matches(self, scope: Scope) -> tuple[Match, Scope]:
        path = _path(scope) if scope["type"] == "http" else ""
        is_ours = any(path == url or path.startswith(f"{url}/") for url in (JOBS, WORKERS))
        return (Match.FULL if is_ours else Match.NONE), {}

    async def handle(self, scope: Scope, receive: Receive, send: Send) -> None:
        await self._gpu(scope, receive, send)


def _path(scope: Scope) -> str:
    """Without what lies before the parent; older frameworks have cut that off already."""
    path, root = str(scope["path"]), str(scope.get("root_path", ""))
    return path.removeprefix(root) if path.startswith(f"{root}/") else path
