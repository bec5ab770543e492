"""The way to a server step by step: its name, a connection, a tunnel through a proxy."""

import base64
import socket
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from ipaddress import ip_address
from urllib.parse import unquote, urlsplit

_PORTS: Mapping[str, int] = {"http": 80, "https": 443}
_LONGEST_ANSWER = 64 * 1024


class UnreachableError(OSError):
    """Says what stood in the way, for people."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where somebody listens."""

    host: str
    port: int

    @classmethod
    def of(cls, url: str) -> "Place":
        parts = urlsplit(url)
        return cls(parts.hostname or "", parts.port or _PORTS.get(parts.scheme, 0))

    @property
    def is_number(self) -> bool:
        try:
            ip_address(self.host)
        except ValueError:
            return False
        return True

    def __str__(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


def addresses(place: Place) -> tuple[str, ...]:
    """In the order in which they would be tried. Raises `UnreachableError`."""
    try:
        found = socket.getaddrinfo(place.host, place.port, type=socket.SOCK_STREAM)
    except OSError as error:
        raise UnreachableError(error.strerror or str(error)) from error
    return tuple(dict.fromkeys(str(entry[4][0]) for entry in found))


@dataclass(frozen=True, slots=True)
class Contact:
    """One try to connect to one address."""

    address: str
    took: float
    """Seconds."""
    trouble: str = ""


def touch(address: str, port: int, patience: float) -> Contact:
    """Connect, and hang up."""
    begun = time.monotonic()
    try:
        with socket.create_connection((address, port), patience):
            return Contact(address, time.monotonic() - begun)
    except OSError as error:
        return Contact(address, time.monotonic() - begun, error.strerror or str(error))


@contextmanager
def connected(target: Place, proxy: str | None, patience: float) -> Iterator[socket.socket]:
    """A connection to `target`, through the tunnel that the proxy opens where there is one."""
    first = target if proxy is None else Place.of(proxy)
    with socket.create_connection((first.host, first.port), patience) as wire:
        if proxy is not None:
            _open_tunnel(wire, target, proxy)
        yield wire


def _open_tunnel(wire: socket.socket, target: Place, proxy: str) -> None:
    lines = [f"CONNECT {target} HTTP/1.1", f"Host: {target}", *_credentials(proxy)]
    wire.sendall("\r\n".join([*lines, "", ""]).encode())
    answer = bytearray()
    while b"\r\n\r\n" not in answer and len(answer) < _LONGEST_ANSWER:
        # Byte by byte: what follows belongs to the one behind the proxy.
        if not (byte := wire.recv(1)):
            break
        answer += byte
    status = answer.partition(b"\r\n")[0].decode(errors="replace")
    if status.split(" ")[1:2] != ["200"]:
        raise UnreachableError(f"the proxy refuses the tunnel ({status or 'it hung up'})")


def _credentials(proxy: str) -> Iterator[str]:
    parts = urlsplit(proxy)
    if parts.username is not None:
        said = f"{unquote(parts.username)}:{unquote(parts.password or '')}"
        yield f"Proxy-Authorization: Basic {base64.b64encode(said.encode()).decode()}"
