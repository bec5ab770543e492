"""httpx to the stand-in without a socket, on virtual time as well as on the real one.

Unlike httpx's own ASGI transport it knows what a socket knows: patience ends, connections break,
answers come in pieces, and the server goes on with a request that nobody waits for any more.
"""

import asyncio
from collections.abc import AsyncIterator, Callable
from typing import Any

import httpx
from starlette.types import ASGIApp, Message


class InProcess(httpx.AsyncBaseTransport):
    def __init__(self, app: ASGIApp, is_down: Callable[[], bool] = lambda: False) -> None:
        self._app = app
        self._is_down = is_down
        self._tasks: set[asyncio.Task[None]] = set()

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        body = await request.aread()
        if self._is_down():
            raise httpx.ConnectError("nobody listens", request=request)
        cycle = _Cycle(body, request.extensions.get("timeout", {}).get("read"))
        task = asyncio.create_task(self._run(request, cycle))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        task.add_done_callback(cycle.on_end)
        start = await cycle.heard()
        return httpx.Response(start["status"], headers=start["headers"], stream=_Stream(cycle))

    async def _run(self, request: httpx.Request, cycle: "_Cycle") -> None:
        await self._app(_scope(request), cycle.receive, cycle.send)


class _Cycle:
    """One request and its answer; `transport` is its wire."""

    def __init__(self, body: bytes, patience: float | None) -> None:
        self._body: bytes | None = body
        self._patience = patience
        self._said: asyncio.Queue[Message | None] = asyncio.Queue()
        self._is_over = asyncio.Event()
        self.transport = self

    async def receive(self) -> dict[str, Any]:
        body, self._body = self._body, None
        if body is not None:
            return {"type": "http.request", "body": body, "more_body": False}
        await self._is_over.wait()
        return {"type": "http.disconnect"}

    async def send(self, message: Message) -> None:
        if not self._is_over.is_set():
            self._said.put_nowait(message)
        await asyncio.sleep(0)

    def abort(self) -> None:
        while not self._said.empty():
            self._said.get_nowait()
        self.close()

    def close(self) -> None:
        self._is_over.set()
        self._said.put_nowait(None)

    def on_end(self, task: "asyncio.Task[None]") -> None:
        # What the app does not catch itself is a bug of the stand-in: the loop tells of it.
        if not task.cancelled() and (error := task.exception()) is not None:
            task.get_loop().call_exception_handler({"message": str(error), "exception": error})
        self.close()

    async def heard(self) -> Message:
        try:
            async with asyncio.timeout(self._patience):
                message = await self._said.get()
        except TimeoutError as error:
            self.close()
            raise httpx.ReadTimeout("no answer") from error
        except asyncio.CancelledError:
            self.close()
            raise
        if message is None:
            raise httpx.RemoteProtocolError("the server hung up")
        return message


class _Stream(httpx.AsyncByteStream):
    def __init__(self, cycle: _Cycle) -> None:
        self._cycle = cycle

    async def __aiter__(self) -> AsyncIterator[bytes]:
        is_more = True
        while is_more:
            message = await self._cycle.heard()
            is_more = message.get("more_body", False)
            yield message.get("body", b"")

    async def aclose(self) -> None:
        self._cycle.close()


def _scope(request: httpx.Request) -> dict[str, Any]:
    return {
        "type": "http",
        "asgi": {"version": "3.0"},
        "http_version": "1.1",
        "method": request.method,
        "scheme": request.url.scheme,
        "path": request.url.path,
        "raw_path": request.url.raw_path.partition(b"?")[0],
        "query_string": request.url.query,
        "root_path": "",
        "headers": [(name.lower(), value) for name, value in request.headers.raw],
        "client": ("127.0.0.1", 1),
        "server": (request.url.host, request.url.port or 80),
    }
