"""A port for whoever watches the agent: /metrics, /healthz and /status.json, to read only.

It has a thread and an event loop of its own: an agent whose loop stands still must be able to say
so. Each connection carries one request. h11 reads and writes HTTP; httpx has it installed anyway.
"""

import asyncio
import json
import socket
import threading
from asyncio import StreamReader, StreamWriter
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import h11

from agent.model.errors import ConfigError

LONGEST_HEAD = 8 * 1024
"""Bytes of a request: a GET has no more to say."""
DEADLINE = 2.0
"""Seconds for a whole request and its answer."""
A_MOMENT = 0.01
MOST_OPEN = 16
LOOPBACK = frozenset({"127.0.0.1", "localhost", "[::1]", "::1"})


@dataclass(frozen=True, slots=True)
class Page:
    body: bytes
    kind: str = "text/plain; version=0.0.4; charset=utf-8"
    status: int = 200


Pages = Mapping[str, Callable[[], Page]]


def healthz(trouble: str | None) -> Page:
    said = "the agent is well" if trouble is None else trouble
    return Page(f"{said}\n".encode(), status=200 if trouble is None else 503)


def as_json(shown: object) -> Page:
    body = json.dumps(shown, ensure_ascii=False, indent=2).encode()
    return Page(body, "application/json")


class WatchPort:
    def __init__(self, host: str, port: int, pages: Pages) -> None:
        """Listens from now on. Raises `ConfigError` where it cannot."""
        self._pages = pages
        self._is_local = host in LOOPBACK
        self._open = 0
        self._socket = _listening(host, port)
        self._loop = asyncio.new_event_loop()
        self._stop = asyncio.Event()
        self._thread = threading.Thread(target=self._run, name="watch-port", daemon=True)
        self._thread.start()

    @property
    def address(self) -> str:
        host, port = self._socket.getsockname()[:2]
        return f"http://{f'[{host}]' if ':' in host else host}:{port}"

    def close(self) -> None:
        self._loop.call_soon_threadsafe(self._stop.set)
        self._thread.join(2 * DEADLINE)

    def _run(self) -> None:
        with asyncio.Runner(loop_factory=lambda: self._loop) as runner:
            runner.run(self._serve())

    async def _serve(self) -> None:
        async with await asyncio.start_server(self._meet, sock=self._socket):
            await self._stop.wait()
        # Whoever has just been let in begins, so that the closing of the loop can end it.
        await asyncio.sleep(A_MOMENT)

    async def _meet(self, reader: StreamReader, writer: StreamWriter) -> None:
        if self._open >= MOST_OPEN:
            writer.transport.abort()
            return
        self._open += 1
        try:
            async with asyncio.timeout(DEADLINE):
                await self._answer(reader, writer)
        except (TimeoutError, OSError, asyncio.CancelledError):
            # Cancelled only at the end, by the loop's own closing.
            writer.transport.abort()
        finally:
            self._open -= 1
            writer.close()

    async def _answer(self, reader: StreamReader, writer: StreamWriter) -> None:
        connection = h11.Connection(h11.SERVER, max_incomplete_event_size=LONGEST_HEAD)
        try:
            while (event := connection.next_event()) is h11.NEED_DATA:
                connection.receive_data(await reader.read(LONGEST_HEAD))
            if not isinstance(event, h11.Request):
                return
            page = self._page(event)
        except h11.RemoteProtocolError as error:
            page = _said(f"this is no HTTP request: {error}", error.error_status_hint)
            if connection.our_state not in {h11.IDLE, h11.SEND_RESPONSE}:
                return
        writer.write(_response(connection, page))
        await writer.drain()

    def _page(self, request: h11.Request) -> Page:
        if request.method != b"GET":
            # The answer to a HEAD has no body, whatever it says.
            is_head = request.method == b"HEAD"
            return _said("" if is_head else "there is nothing here but to read", 405)
        if self._is_local and _host(request) not in LOOPBACK:
            # A page in the owner's browser may have its own name lead here.
            return _said("this port is read by its address only", 421)
        path = request.target.split(b"?")[0].decode("ascii", "replace")
        page = self._pages.get(path)
        return page() if page else _said(f"there is {', '.join(sorted(self._pages))}", 404)


def _said(text: str, status: int) -> Page:
    return Page(f"{text}\n".encode() if text else b"", status=status)


def _host(request: h11.Request) -> str:
    host = next((value for name, value in request.headers if name == b"host"), b"")
    name = host.decode("ascii", "replace").lower()
    return name if name.endswith("]") else name.rpartition(":")[0] or name


def _response(connection: h11.Connection, page: Page) -> bytes:
    headers = [
        ("Content-Type", page.kind),
        ("Content-Length", str(len(page.body))),
        ("Cache-Control", "no-store"),
        ("X-Content-Type-Options", "nosniff"),
        ("Connection", "close"),
    ]
    sent = connection.send(h11.Response(status_code=page.status, headers=headers)) or b""
    sent += connection.send(h11.Data(data=page.body)) or b""
    return sent + (connection.send(h11.EndOfMessage()) or b"")


def _listening(host: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        return socket.create_server((host, port), family=family, backlog=MOST_OPEN)
    except OSError as error:
        raise ConfigError(
            f"watch.port: cannot listen on {host}, port {port}: {error.strerror or error}; choose"
            " another port"
        ) from error
