"""A small HTTP/1.1 server on a real socket, with its faults as data."""

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from http import HTTPStatus


@dataclass(frozen=True)
class Request:
    method: str
    path: str
    headers: Mapping[str, str]
    """Names in lower case."""
    body: bytes


@dataclass(frozen=True)
class Reply:
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""
    tells_length: bool = True
    """Without it the end of the connection is the end of the body."""
    cut_after: int | None = None
    """The connection breaks after so many bytes of the body."""
    stall_after: int | None = None
    """Nothing more comes after so many bytes of the body, and nobody hangs up."""

    @property
    def head(self) -> bytes:
        headers = {**self.headers}
        if self.tells_length:
            headers.setdefault("Content-Length", str(len(self.body)))
        lines = [f"HTTP/1.1 {self.status} {_phrase(self.status)}"]
        lines += [f"{name}: {value}" for name, value in headers.items()]
        return "\r\n".join([*lines, "", ""]).encode("latin-1")


class RawServer:
    """Answers each request as `answer` says; counts what it saw."""

    def __init__(self, answer: Callable[[Request], Reply]) -> None:
        self._answer = answer
        self._tasks: set[asyncio.Task[None]] = set()
        self.url = ""
        self.requests: list[Request] = []
        self.connections = 0
        self.open = 0

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        self.connections += 1
        self.open += 1
        try:
            while (request := await _read(reader)) is not None:
                self.requests.append(request)
                if not await _send(self._answer(request), request, writer):
                    break
        except asyncio.CancelledError:
            # Our own `stop`; asyncio's streams would log it as a failure.
            pass
        finally:
            self.open -= 1
            self._tasks.discard(task)
            writer.close()
            with suppress(ConnectionError):
                await writer.wait_closed()

    async def stop(self) -> None:
        """Hang up on everybody."""
        tasks = tuple(self._tasks)
        for task in tasks:
            task.cancel()
        if tasks:
            await asyncio.wait(tasks)


@asynccontextmanager
async def raw_server(answer: Callable[[Request], Reply] | Reply) -> AsyncIterator[RawServer]:
    raw = RawServer(answer if callable(answer) else lambda _: answer)
    server = await asyncio.start_server(raw.serve, "127.0.0.1", 0)
    raw.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    try:
        yield raw
    finally:
        server.close()
        await raw.stop()
        await server.wait_closed()


async def _read(reader: asyncio.StreamReader) -> Request | None:
    try:
        head = await reader.readuntil(b"\r\n\r\n")
    except (asyncio.IncompleteReadError, ConnectionError):
        return None
    first, *lines = head.decode("latin-1").rstrip().split("\r\n")
    method, path, _ = first.split(" ")
    pairs = (line.split(":", 1) for line in lines)
    headers = {name.strip().lower(): value.strip() for name, value in pairs}
    body = await reader.readexactly(int(headers.get("content-length", "0")))
    return Request(method, path, headers, body)


async def _send(reply: Reply, request: Request, writer: asyncio.StreamWriter) -> bool:
    """True when the connection goes on."""
    body = b"" if request.method == "HEAD" else reply.body
    stop = reply.cut_after if reply.stall_after is None else reply.stall_after
    writer.write(reply.head + body[:stop])
    await writer.drain()
    if reply.stall_after is not None:
        await asyncio.Event().wait()
    return reply.tells_length and reply.cut_after is None


def _phrase(status: int) -> str:
    return HTTPStatus(status).phrase if status in set(HTTPStatus) else "Said"
