"""One request on one connection: the application's end of it, and the caller's."""

import asyncio
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any
from urllib.parse import unquote, urlsplit

from tests.simulation.call import Call, Headers, Reply
from tests.simulation.faults import LONG_BODY, Fate, Kind
from tests.simulation.pipe import CutError, Pipe

App = Callable[[MutableMapping[str, Any], Any, Any], Awaitable[None]]
SILENCE_LASTS = 400.0
"""After this long the application's kernel gives up on a line that has fallen silent."""
ERROR = 400
PAUSE = 8.0
"""The longest between two chunks on a slow line."""


class Exchange:
    def __init__(self, call: Call, fate: Fate, answered: Callable[[Call, Reply], None]) -> None:
        self.call = call
        self.fate = fate
        self.up, self.down = Pipe(), Pipe()
        self.is_silent = False
        self.task: asyncio.Task[None] | None = None
        self.is_over = False
        """For the caller."""
        self._head: asyncio.Future[Reply] = asyncio.get_running_loop().create_future()
        self._gone = asyncio.Event()
        self._answered = answered
        self._has_body = False
        self._status = 0
        self._headers: Headers = ()
        self._said: list[bytes] = []
        self._moved = 0

    # The caller's end.

    async def write(self) -> None:
        """Send the request; raises `CutError`."""
        body = self.call.body
        for start in range(0, len(body), LONG_BODY) or (0,):
            await self._step(Kind.CUT_UP)
            chunk = self._through(body[start : start + LONG_BODY], Kind.CORRUPT_UP)
            await self.up.put(chunk)
        self.up.end()
        self._moved = 0 if self.fate.kind is not Kind.HALF_OPEN else self._moved

    async def head(self) -> Reply:
        """Status and headers; raises `CutError`."""
        if self.is_silent:
            await asyncio.Event().wait()
        return await asyncio.shield(self._head)

    async def read(self) -> bytes | None:
        """The next bytes of the answer, None at its end; raises `CutError`."""
        await self._step(Kind.CUT_DOWN)
        if self.fate.pace:
            await asyncio.sleep(self.fate.pace)
        chunk = await self.down.get()
        return None if chunk is None else self._through(chunk, Kind.CORRUPT_DOWN)

    def leave(self) -> None:
        """The caller hangs up: the application is told, unless the line is silent."""
        self.is_over = True
        if not self.is_silent:
            self.reset()

    def silence(self) -> None:
        if not self.is_silent:
            self.is_silent = True
            self.up.silence()
            self.down.silence()
            asyncio.get_running_loop().call_later(SILENCE_LASTS, self.reset)

    def reset(self) -> None:
        """The application's end is closed."""
        self._gone.set()
        self.up.cut()
        self.down.cut()

    def drop(self) -> None:
        """The application is dead: the caller's end is closed."""
        self.down.cut()
        if not self._head.done():
            self._head.set_exception(CutError())
            self._head.exception()

    async def _step(self, cut: Kind) -> None:
        fate = self.fate
        if fate.kind is Kind.SLOW:
            await asyncio.sleep(min(PAUSE, fate.delay))
        if fate.kind is cut and self._moved == fate.chunks:
            self.leave()
            raise CutError
        if fate.kind is Kind.HALF_OPEN and self._moved == fate.chunks:
            self.silence()
        self._moved += 1

    def _through(self, chunk: bytes, corrupt: Kind) -> bytes:
        if self.fate.kind is not corrupt or self._moved != self.fate.chunks + 1 or not chunk:
            return chunk
        at = self.fate.byte % len(chunk)
        return chunk[:at] + bytes((chunk[at] ^ 0x20,)) + chunk[at + 1 :]

    # The application's end.

    async def serve(self, app: App) -> None:
        try:
            await app(_scope(self.call), self._receive, self._send)
        finally:
            self.drop() if not self._head.done() else self.down.end()

    async def _receive(self) -> dict[str, Any]:
        if not self._has_body:
            try:
                chunk = await self.up.get()
            except CutError:
                return {"type": "http.disconnect"}
            self._has_body = chunk is None
            return {"type": "http.request", "body": chunk or b"", "more_body": chunk is not None}
        await self._gone.wait()
        return {"type": "http.disconnect"}

    async def _send(self, message: MutableMapping[str, Any]) -> None:
        """As uvicorn does: what is said to nobody is dropped."""
        if message["type"] == "http.response.start":
            self._status = message["status"]
            self._headers = tuple((k.decode(), v.decode()) for k, v in message["headers"])
            return
        body: bytes = message.get("body", b"")
        if not self.call.is_download or self._status >= ERROR:
            self._said.append(body)
        if not message.get("more_body", False):
            self._answered(self.call, Reply(self._status, self._headers, b"".join(self._said)))
        if not self._head.done():
            self._head.set_result(Reply(self._status, self._headers))
        try:
            for start in range(0, len(body), LONG_BODY):
                await self.down.put(body[start : start + LONG_BODY])
        except CutError:
            return


def _scope(call: Call) -> dict[str, Any]:
    parts = urlsplit(call.url)
    return {
        "type": "http",
        "asgi": {"version": "3.0"},
        "http_version": "1.1",
        "method": call.method,
        "scheme": parts.scheme,
        "path": unquote(parts.path),
        "raw_path": parts.path.encode(),
        "query_string": parts.query.encode(),
        "root_path": "",
        "headers": [(k.lower().encode(), v.encode()) for k, v in call.headers],
        "client": (call.caller, 1),
        "server": (parts.netloc, 80),
    }
