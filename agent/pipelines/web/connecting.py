"""Connects to a host whose address was checked: the very address, so that no name can change."""

import io
import socket
import ssl
from collections.abc import Callable, Sequence
from timeit import default_timer as stopwatch

from agent.model.ids import Seconds
from agent.pipelines.errors import InputUnavailableError, OptionsInvalidError
from agent.pipelines.web.addresses import Address, parse_address
from agent.pipelines.web.targets import Target

_MOST_ADDRESSES = 4
"""Tried one after the other."""
MayAsk = Callable[[Address], bool]
Resolve = Callable[[str, int], Sequence[Address]]


class Deadline:
    """Of all that one fetch does: a server that drips a byte a second is not waited for."""

    def __init__(self, limit: Seconds) -> None:
        self._end = stopwatch() + limit
        self._limit = limit

    def left(self) -> float:
        left = self._end - stopwatch()
        if left <= 0:
            raise self.passed()
        return left

    def passed(self) -> InputUnavailableError:
        return InputUnavailableError(f"the page did not come within {self._limit:g} s.")


def resolve(host: str, port: int) -> Sequence[Address]:
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError) as error:
        raise InputUnavailableError(f"no address is known of the host {host[:80]!r}.") from error
    return tuple(dict.fromkeys(parse_address(str(entry[4][0])) for entry in found))


def checked_addresses(target: Target, find: Resolve, may_ask: MayAsk) -> Sequence[Address]:
    """All or none: a name with a public and a private address means no good."""
    addresses = find(target.host, target.port)[:_MOST_ADDRESSES]
    if not all(map(may_ask, addresses)):
        # Which address it is is the owner's business, not the sender's.
        raise OptionsInvalidError(
            f"the host {target.host[:80]!r} is not on the public internet; the owner of this"
            " machine may allow that (allow_private_addresses)."
        )
    return addresses


class Connection(io.RawIOBase):
    """Bytes from a server, none of them after the deadline."""

    def __init__(self, target: Target, addresses: Sequence[Address], deadline: Deadline) -> None:
        super().__init__()
        self._deadline = deadline
        self._socket = _connected(target, addresses, deadline)

    def send(self, content: bytes) -> None:
        self._socket.settimeout(self._deadline.left())
        self._socket.sendall(content)

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: bytearray | memoryview) -> int:  # type: ignore[override]
        self._socket.settimeout(self._deadline.left())
        try:
            return self._socket.recv_into(buffer)
        except TimeoutError as error:
            raise self._deadline.passed() from error

    def makefile(self, _mode: str) -> io.BufferedReader:
        """What `http.client.HTTPResponse` asks of a socket."""
        return io.BufferedReader(self)

    def close(self) -> None:
        self._socket.close()
        super().close()


def _connected(target: Target, addresses: Sequence[Address], deadline: Deadline) -> socket.socket:
    last: OSError | None = None
    for address in addresses:
        try:
            plain = socket.create_connection((str(address), target.port), timeout=deadline.left())
            return _secured(plain, target) if target.is_secure else plain
        except OSError as error:
            last = error
    raise InputUnavailableError(
        f"the host {target.host[:80]!r} does not answer ({_reason(last)})."
    ) from last


def _secured(plain: socket.socket, target: Target) -> socket.socket:
    context = ssl.create_default_context()
    try:
        return context.wrap_socket(plain, server_hostname=target.host)
    except BaseException:
        plain.close()
        raise


def _reason(error: OSError | None) -> str:
    if isinstance(error, ssl.SSLCertVerificationError):
        return f"its certificate is not good: {error.verify_message}"
    return (error.strerror if error else None) or "no connection"
