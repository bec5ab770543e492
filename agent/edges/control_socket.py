"""The Unix socket over which its owner talks to a running agent.

SPOOL/control/           0700
SPOOL/control/socket     0600; who it is that connects is asked of the kernel besides

One line comes, one line goes, and the connection ends; a watcher gets a line every so often until
it goes. Nobody who is slow, rude or silent keeps anybody else waiting.
"""

import asyncio
import os
import socket
import stat
import struct
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import structlog

from agent.edges.control_place import FOLDER, NAME, short_name
from agent.edges.control_words import NonsenseError, read_request, refusal, written
from agent.edges.durable import PRIVATE_FILE, PRIVATE_FOLDER
from agent.model.control import MOST_REQUEST, AskStatus, AskWatch, Request, Told
from agent.model.errors import SpoolError
from agent.ports import Desk

MOST_CLIENTS = 128
"""At a time; each costs a few kilobytes and ends within seconds, watchers apart."""
PATIENCE = 5.0
"""Seconds for a client to say its line, and to take each of ours."""
BACKLOG = 128

_log = structlog.get_logger(__name__)


class ControlSocket:
    """Serves a `Desk` to the owner and to root."""

    def __init__(self, spool: Path, desk: Desk, patience: float = PATIENCE) -> None:
        self._folder = spool / FOLDER
        self._desk = desk
        self._patience = patience
        self._clients: set[asyncio.Task[None]] = set()

    @asynccontextmanager
    async def open(self) -> AsyncIterator[None]:
        """Answer for as long as the block lasts. Raises `SpoolError` where that cannot be."""
        try:
            listener = _listen(self._folder)
        except OSError as error:
            raise SpoolError(f"no socket in {self._folder}: {error.strerror or error}") from error
        server = await asyncio.start_unix_server(
            self._welcome, sock=listener, limit=MOST_REQUEST, backlog=BACKLOG
        )
        try:
            yield
        finally:
            server.close()
            await self._send_away()
            with suppress(OSError):
                (self._folder / NAME).unlink()

    async def _send_away(self) -> None:
        clients = tuple(self._clients)
        for client in clients:
            client.cancel()
        if clients:
            await asyncio.wait(clients)
        await asyncio.sleep(0)  # Their connections close one turn of the loop later.

    def _welcome(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        # A task beside the agent's own: a bug in it is told in the log and ends nobody else.
        client = asyncio.create_task(self._attend(reader, writer))
        self._clients.add(client)
        client.add_done_callback(self._clients.discard)

    async def _attend(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            # Whoever goes away in the middle of it, or takes nothing, has said enough.
            with suppress(OSError, TimeoutError):
                await self._serve(reader, writer)
        finally:
            writer.transport.abort()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        uid = _uid_of(writer)
        if uid not in {0, os.geteuid()}:
            _log.warning("control.stranger_refused", uid=uid)
            await self._say(writer, refusal("only the owner of the agent and root may ask"))
            return
        if len(self._clients) > MOST_CLIENTS:
            await self._say(writer, refusal("too many ask at the same time: try again"))
            return
        try:
            async with asyncio.timeout(self._patience):
                request = read_request(await reader.readuntil(b"\n"))
        except asyncio.LimitOverrunError:
            await self._say(writer, refusal(f"a request has at most {MOST_REQUEST} bytes"))
        except asyncio.IncompleteReadError:
            return
        except NonsenseError as error:
            await self._say(writer, refusal(str(error)))
        else:
            await self._answer(request, reader, writer)

    async def _answer(
        self, request: Request, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        match request:
            case AskStatus():
                await self._say(writer, written(Told(snapshot=self._desk.look())))
            case AskWatch(every=every):
                await self._show(every, reader, writer)
            case _:
                # A client that goes away takes nothing back.
                answer = await asyncio.shield(self._desk.do(request))
                await self._say(writer, written(answer))

    async def _show(
        self, every: float, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        while True:
            await self._say(writer, written(Told(snapshot=self._desk.look())))
            with suppress(TimeoutError):
                async with asyncio.timeout(every):
                    # It has nothing more to say: what comes is its end.
                    await reader.read(1)
                    return

    async def _say(self, writer: asyncio.StreamWriter, line: bytes) -> None:
        """Have the kernel take all of it. Raises `TimeoutError` for one who reads nothing."""
        writer.transport.set_write_buffer_limits(high=0)
        writer.write(line)
        async with asyncio.timeout(self._patience):
            await writer.drain()


def _uid_of(writer: asyncio.StreamWriter) -> int:
    """Who connected, as the kernel has noted it."""
    sock: socket.socket = writer.get_extra_info("socket")
    told = sock.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, struct.calcsize("3i"))
    _, uid, _ = struct.unpack("3i", told)
    return int(uid)


def _listen(folder: Path) -> socket.socket:
    _make_private(folder)
    path = folder / NAME
    _clear(path)
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        # The new file takes its rights from the socket: nobody gets in between.
        os.fchmod(listener.fileno(), PRIVATE_FILE)
        with short_name(path) as name:
            listener.bind(name)
        listener.listen(BACKLOG)
        listener.setblocking(False)
    except BaseException:
        listener.close()
        raise
    return listener


def _make_private(folder: Path) -> None:
    folder.mkdir(mode=PRIVATE_FOLDER, exist_ok=True)
    if stat.S_IMODE(folder.lstat().st_mode) != PRIVATE_FOLDER:
        folder.chmod(PRIVATE_FOLDER, follow_symlinks=False)


def _clear(path: Path) -> None:
    """Make room. What lies there is a dead agent's, or else its owner has to look at it."""
    if not os.path.lexists(path):
        return
    if not stat.S_ISSOCK(path.lstat().st_mode):
        raise FileExistsError(0, f"{path} is no socket: remove it")
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
        probe.settimeout(1.0)
        try:
            with short_name(path) as name:
                probe.connect(name)
        except (ConnectionRefusedError, FileNotFoundError):
            path.unlink(missing_ok=True)
            return
    raise FileExistsError(0, "another agent answers at it")
