"""A link that nobody limits, and sockets that bring no more than a limited one is to carry."""

import socket
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol, runtime_checkable

from agent.model.ids import Seconds
from agent.ports import FREE_PIECE

SHARE = 8
"""An eighth of a second fills a buffer: enough for a round trip over an ocean."""
SMALLEST_BUFFER = 8 * 1024
LEAST_SHARE = 16
"""Where the system allows less than that, a buffer would slow a far transfer down."""
SYSTEM_LIMITS = Path("/proc/sys/net/core")


@runtime_checkable
class Socket(Protocol):
    """What we use of one, whoever wraps it."""

    def setsockopt(self, level: int, option: int, value: int, /) -> None: ...


class FreeLane:
    """The `Lane` port where the owner set nothing."""

    piece = FREE_PIECE
    closed = None

    async def enter(self) -> None:
        return

    async def carry(self, _size: int, /) -> Seconds:
        return Seconds(0.0)


@dataclass(frozen=True, slots=True)
class Limits:
    """Bytes a second each way; None: as fast as it goes."""

    down: int | None = None
    up: int | None = None

    def apply(self, connection: Socket) -> None:
        """The kernel reads ahead megabytes, which come as a burst however slowly we read."""
        _set(connection, socket.SO_RCVBUF, self.down, "rmem_max")
        _set(connection, socket.SO_SNDBUF, self.up, "wmem_max")


def buffer_for(rate: int, allowed: int) -> int | None:
    """None: the system does not allow one that is large enough, and its own way is better."""
    buffer = max(SMALLEST_BUFFER, min(rate // SHARE, allowed))
    return buffer if buffer * LEAST_SHARE >= rate else None


def _set(connection: Socket, option: int, rate: int | None, limit: str) -> None:
    if rate is None:
        return
    try:
        allowed = int((SYSTEM_LIMITS / limit).read_text())
    except (OSError, ValueError):
        return
    buffer = buffer_for(rate, allowed)
    if buffer is not None:
        connection.setsockopt(socket.SOL_SOCKET, option, buffer)
