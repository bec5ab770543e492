"""The stand-in as one ASGI app: the API, who stands before it, and the weather."""

import asyncio
import time
from collections.abc import Callable, Coroutine, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from starlette.types import ASGIApp, Receive, Scope, Send

from tests.fakes.morag.api import PATH, api_of
from tests.fakes.morag.books import Books, Request
from tests.fakes.morag.exchange import Exchange, Wire, say
from tests.fakes.morag.jobs import Job, Jobs
from tests.fakes.morag.manners import Manners
from tests.fakes.morag.weather import Call, Weather

_ENDS: Mapping[str, Call] = {
    "/poll": "poll",
    "/download": "download",
    "/result": "result",
    "/status": "status",
}


@dataclass
class StandIn:
    """`folder`: where the jobs outlast the process; without it they outlast a `restart` only."""

    manners: Manners = field(default_factory=Manners)
    weather: Weather = field(default_factory=Weather)
    folder: Path | None = None
    now: Callable[[], float] = time.time
    """Seconds since 1970."""

    def __post_init__(self) -> None:
        self.jobs = Jobs(self.now, self.folder)
        self.books = Books(self.jobs)
        self._door = _Door(api_of(self.manners, self.books), self.manners)
        self._wires: set[Wire] = set()
        self._work: set[asyncio.Task[None]] = set()
        self._down_until = 0.0

    @property
    def is_down(self) -> bool:
        return self.now() < self._down_until

    @property
    def is_at_work(self) -> bool:
        """On a request, whether or not its caller still waits."""
        return bool(self._wires or self._work)

    def add(
        self, source: Path, content_type: str = "text", options: dict[str, Any] | None = None
    ) -> Job:
        """As if somebody had sent a file in."""
        return self.jobs.create(str(source), content_type, options or {}, f"task-of-{source.name}")

    def restart(self, down_s: float = 0.0) -> None:
        """What has been begun goes on, an ingestion above all; but nobody hears of it."""
        self.books.starts += 1
        self._down_until = self.now() + down_s
        for wire in [*self._wires]:
            wire.abort()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        # Uvicorn and `InProcess` hand over a method of what has the wire.
        wire: Wire = send.__self__.transport  # type: ignore[attr-defined]
        exchange = self._exchange(scope, receive, send, wire)
        self._wires.add(wire)
        try:
            await self._answer(exchange, _call_of(scope["path"]))
        finally:
            self._wires.discard(wire)

    def _exchange(self, scope: Scope, receive: Receive, send: Send, wire: Wire) -> Exchange:
        start = self.books.starts
        return Exchange(
            app=self._door,
            scope=scope,
            receive=receive,
            send=send,
            wire=wire,
            start=self._start,
            restart=self.restart,
            is_of_now=lambda: self.books.starts == start,
        )

    async def _answer(self, exchange: Exchange, call: Call) -> None:
        if self.is_down:
            await exchange.hang_up()
            return
        self.books.requests.append(Request(self.now(), call))
        fault = self.weather.on(call)
        await (fault.strike(exchange) if fault else exchange.pass_on())

    def _start(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(work)
        self._work.add(task)
        task.add_done_callback(self._work.discard)


def _call_of(path: str) -> Call:
    if path.endswith("/health"):
        return "health"
    if path.endswith(f"{PATH}/"):
        return "create"
    ends = (call for end, call in _ENDS.items() if PATH in path and path.endswith(end))
    return next(ends, "other")


@dataclass
class _Door:
    """What a proxy and a gatekeeper do before the API sees a request."""

    api: ASGIApp
    manners: Manners

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        path: str = scope["path"]
        prefix = self.manners.prefix
        if not path.startswith(f"{prefix}/"):
            await say(send, 404, b"<h1>404 Not Found</h1>", "text/html")
        elif PATH in path and not self._is_known(scope):
            await say(send, 401, b'{"detail":"Invalid API key"}', "application/json")
        else:
            bare = path[len(prefix) :]
            await self.api({**scope, "path": bare, "raw_path": bare.encode()}, receive, send)

    def _is_known(self, scope: Scope) -> bool:
        headers = {name.decode(): value.decode() for name, value in scope["headers"]}
        scheme, _, key = headers.get("authorization", "").partition(" ")
        shown = {"X-API-Key": headers.get("x-api-key"), scheme: key}
        wanted = self.manners.key
        return wanted is None or any(shown.get(form) == wanted for form in self.manners.key_headers)
