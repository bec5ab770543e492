"""A loopback peer that writes down, every 100 ms, what has really come over the wire."""

import fcntl
import socket
import struct
import termios
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

EVERY = 0.1
A_SECOND = 10
"""Readings."""
BLOCK = bytes(64 * 1024)
HELD = 2**40
"""What the answer to a download promises: more than anybody takes."""


@dataclass
class Wire:
    url: str = ""
    totals: list[int] = field(default_factory=lambda: [0])
    """Bytes so far, one reading after each 100 ms from the first byte on."""
    _since: float | None = None

    def read(self, total: int) -> None:
        now = time.monotonic()
        self._since = self._since or now
        while now - self._since >= EVERY * len(self.totals):
            self.totals.append(total)

    @property
    def rate(self) -> float:
        """Bytes a second over all of it."""
        return self.totals[-1] / (EVERY * (len(self.totals) - 1))

    @property
    def fastest_second(self) -> int:
        ends = range(A_SECOND, len(self.totals))
        return max((self.totals[end] - self.totals[end - A_SECOND] for end in ends), default=0)


@contextmanager
def download_wire() -> Iterator[Wire]:
    """Sends without end, as fast as the other side takes it; counts what it has acknowledged."""
    with _peer(_Send) as wire:
        yield wire


@contextmanager
def upload_wire() -> Iterator[Wire]:
    """Takes tus parts as fast as they come."""
    with _peer(_Take) as wire:
        yield wire


@contextmanager
def _peer(serve: "type[_Send | _Take]") -> Iterator[Wire]:
    wire = Wire()
    listener = socket.create_server(("127.0.0.1", 0))
    wire.url = f"http://127.0.0.1:{listener.getsockname()[1]}"
    over = threading.Event()
    thread = threading.Thread(target=serve(wire, listener, over).run)
    thread.start()
    try:
        yield wire
    finally:
        over.set()
        listener.close()
        thread.join()


class _Send:
    def __init__(self, wire: Wire, listener: socket.socket, over: threading.Event) -> None:
        self._wire, self._listener, self._over = wire, listener, over

    def run(self) -> None:
        connection, _ = self._listener.accept()
        with connection:
            connection.recv(64 * 1024)
            connection.settimeout(0.01)
            connection.sendall(f"HTTP/1.1 200 OK\r\nContent-Length: {HELD}\r\n\r\n".encode())
            sent = 0
            while not self._over.is_set():
                try:
                    sent += connection.send(BLOCK)
                except TimeoutError:
                    pass
                except OSError:
                    return
                self._wire.read(sent - _unacknowledged(connection))


class _Take:
    def __init__(self, wire: Wire, listener: socket.socket, over: threading.Event) -> None:
        self._wire, self._listener, self._over = wire, listener, over
        self._total = 0

    def run(self) -> None:
        connection, _ = self._listener.accept()
        with connection:
            connection.settimeout(0.01)
            offset, unread = 0, b""
            while (head := self._until_blank(connection, unread)) is not None:
                lines, _, body = head.partition(b"\r\n\r\n")
                length = next(
                    int(line.split(b":")[1])
                    for line in lines.split(b"\r\n")
                    if line.lower().startswith(b"content-length")
                )
                got = len(body)
                self._count(got)
                while got < length and (more := self._receive(connection)) is not None:
                    got += len(more)
                    self._count(len(more))
                offset, unread = offset + length, b""
                answer = f"HTTP/1.1 204 No Content\r\nUpload-Offset: {offset}\r\n\r\n"
                connection.sendall(answer.encode())

    def _until_blank(self, connection: socket.socket, head: bytes) -> bytes | None:
        while b"\r\n\r\n" not in head:
            more = self._receive(connection)
            if more is None:
                return None
            head += more
        return head

    def _receive(self, connection: socket.socket) -> bytes | None:
        """None at the end."""
        while not self._over.is_set():
            try:
                return connection.recv(64 * 1024) or None
            except TimeoutError:
                if self._total:
                    self._count(0)
            except OSError:
                return None
        return None

    def _count(self, size: int) -> None:
        self._total += size
        if self._total:
            self._wire.read(self._total)


def _unacknowledged(connection: socket.socket) -> int:
    told = fcntl.ioctl(connection.fileno(), termios.TIOCOUTQ, bytes(4))
    return int(struct.unpack("i", told)[0])
