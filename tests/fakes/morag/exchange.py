"""One request to the stand-in, and what its caller is told of it."""

import asyncio
import json
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from typing import Any, Protocol

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from tests.fakes.morag.weather import HOTEL

_GATEWAY = frozenset({502, 504})


class Wire(Protocol):
    """The caller's connection: uvicorn's own transport, or that of `InProcess`."""

    def abort(self) -> None: ...

    def close(self) -> None:
        """What has been sent still arrives."""


@dataclass
class Exchange:
    """See `weather.Struck`."""

    app: ASGIApp
    scope: Scope
    receive: Receive
    send: Send
    wire: Wire
    start: Callable[[Coroutine[Any, Any, None]], None]
    """Work that goes on when the request is over."""
    restart: Callable[[float], None]
    is_of_now: Callable[[], bool]
    """Has the process not been started again since."""
    _body: bytes | None = None

    async def pass_on(self, most: int | None = None) -> None:
        if most is None:
            await self._enter(self.send)
            return
        await self.read()
        await self._enter(_Cutting(self.send, self.wire, most))
        await _until_gone(self.receive)

    async def process(self) -> None:
        await self.read()
        await self._enter(_nobody)

    def process_behind(self) -> None:
        self.start(self.process())

    async def read(self) -> None:
        body = b""
        is_more = self._body is None
        while is_more:
            message = await self.receive()
            body += message.get("body", b"")
            is_more = message.get("more_body", False)
        self._body = body if self._body is None else self._body

    async def say(self, status: int, body: bytes | None = None) -> None:
        is_html = body is not None or status in _GATEWAY
        told = body or (HOTEL if is_html else json.dumps({"detail": f"error {status}"}).encode())
        await say(self.send, status, told, "text/html" if is_html else "application/json")

    async def hang_up(self) -> None:
        self.wire.abort()
        await _until_gone(self.receive)

    async def _enter(self, send: Send) -> None:
        if self.is_of_now():
            await self.app(self.scope, self._replay(), send)

    def _replay(self) -> Receive:
        """The body again, if it has been read; uvicorn gives it once."""
        told = self._body

        async def receive() -> Message:
            nonlocal told
            if told is None:
                return await self.receive()
            body, told = told, None
            return {"type": "http.request", "body": body, "more_body": False}

        return receive


async def say(send: Send, status: int, body: bytes, media_type: str) -> None:
    headers = [
        (b"content-type", media_type.encode()),
        (b"content-length", str(len(body)).encode()),
    ]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})


@dataclass
class _Cutting:
    """Sends the head and so many bytes of the body."""

    send: Send
    wire: Wire
    left: int

    async def __call__(self, message: Message) -> None:
        if self.left < 0:
            return
        body = message.get("body", b"")
        if message["type"] == "http.response.start" or len(body) < self.left:
            self.left -= len(body)
            await self.send(message)
            return
        if body[: self.left]:
            await self.send({**message, "body": body[: self.left], "more_body": True})
        self.left -= len(body)
        if self.left <= 0:
            self.left = -1
            await asyncio.sleep(0)
            self.wire.close()


async def _nobody(_message: Message) -> None:
    pass


async def _until_gone(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
