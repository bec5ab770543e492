"""A port for whoever watches the agent: /metrics and /healthz, to read only.

It has a thread and an event loop of its own: an agent whose loop stands still must be able to say
so. Each connection carries one request. h11 reads and writes HTTP; httpx has it installed anyway.
"""

import asyncio
import socket
import threading
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass

import h11

from agent.model.errors import ConfigError

LONGEST_HEAD = 8 * 1024
"""Bytes of a request: a GET has no more to say."""
DEADLINE = 2.0
"""Seconds for a whole request and its answer."""
MOST_OPEN = 16
LOOPBACK = frozenset({"127.0.0.1", "localhost", "[::1]", "::1"})


@dataclass(frozen=True, slots=True)
class Page:
    body: bytes
    kind: str = "text/plain; version=0.0.4; charset=utf-8"
    status: int = 200


Pages = Mapping[str, Callable[[], Page]]


def healthz(trouble: str | None, doing: str) -> Page:
    said = f"the agent is well: {doing}" if trouble is None else trouble
    return Page(f"{said}\n".encode(), status=200 if trouble is None else 503)


class WatchPort:
    def __init__(self, host: str, port: int, pages: Pages) -> None:
        """Listens from now on. Raises `ConfigError` where it cannot."""
        self._pages = pages
        self._is_local = host in LOOPBACK
        self._meetings: dict[asyncio.Task[None], socket.socket] = {}
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
        with self._socket, asyncio.Runner(loop_factory=lambda: self._loop) as runner:
            runner.run(self._serve())

    async def _serve(self) -> None:
        self._listen()
        await self._stop.wait()
        self._loop.remove_reader(self._socket)

    def _listen(self) -> None:
        self._loop.add_reader(self._socket, self._accept)

    def _accept(self) -> None:
        # In one step: a task that accepts may be cancelled with a connection in its hands.
        try:
            connection, _ = self._socket.accept()
        except BlockingIOError:
            return
        except OSError:  # no more open files, for example: it would be told so again at once
            self._loop.remove_reader(self._socket)
            self._loop.call_later(DEADLINE, self._listen)
            return
        connection.setblocking(False)
        if len(self._meetings) >= MOST_OPEN:
            connection.close()
            return
        meeting = self._loop.create_task(self._meet(connection))
        self._meetings[meeting] = connection
        meeting.add_done_callback(lambda ended: self._meetings.pop(ended).close())

    async def _meet(self, connection: socket.socket) -> None:
        with suppress(TimeoutError, OSError):
            async with asyncio.timeout(DEADLINE):
                await self._loop.sock_sendall(connection, await self._answer(connection))

    async def _answer(self, connection: socket.socket) -> bytes:
        http = h11.Connection(h11.SERVER, max_incomplete_event_size=LONGEST_HEAD)
        try:
            while (event := http.next_event()) is h11.NEED_DATA:
                http.receive_data(await self._loop.sock_recv(connection, LONGEST_HEAD))
            if not isinstance(event, h11.Request):
                return b""
            return _response(http, self._page(event))
        except h11.RemoteProtocolError as error:
            return _response(http, _said(f"this is no HTTP request: {error}", 400))

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
        if page is None:
            return _said(f"there is {', '.join(sorted(self._pages))}", 404)
        try:
            return page()
        except OSError as error:
            return _said(f"this cannot be read now: {error}", 500)


def _said(text: str, status: int) -> Page:
    return Page(f"{text}\n".encode() if text else b"", status=status)


def _host(request: h11.Request) -> str:
    host = next((value for name, value in request.headers if name == b"host"), b"")
    name = host.decode("ascii", "replace").lower()
    return name if name.endswith("]") else name.rpartition(":")[0] or name


def _response(http: h11.Connection, page: Page) -> bytes:
    headers = [
        ("Content-Type", page.kind),
        ("Content-Length", str(len(page.body))),
        ("Cache-Control", "no-store"),
        ("X-Content-Type-Options", "nosniff"),
        ("Connection", "close"),
    ]
    sent = http.send(h11.Response(status_code=page.status, headers=headers)) or b""
    sent += http.send(h11.Data(data=page.body)) or b""
    return sent + (http.send(h11.EndOfMessage()) or b"")


def _listening(host: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        listening = socket.create_server((host, port), family=family, backlog=MOST_OPEN)
    except OSError as error:
        raise ConfigError(
            f"watch.port: cannot listen on {host}, port {port}: {error.strerror or error}; choose"
            " another port"
        ) from error
    listening.setblocking(False)
    return listening
