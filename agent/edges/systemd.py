"""What systemd hears of us, by datagrams to the socket that it names; elsewhere nobody does.

READY=1  STATUS=…  WATCHDOG=1  RELOADING=1  STOPPING=1          (sd_notify(3))
"""

import os
import socket
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress

from agent.model.ids import Seconds

MICRO = 1_000_000
MOST_WAIT = 1.0
"""Seconds that a service manager may take to read."""


class Notifier:
    """Never raises and never waits long: a manager that does not listen stops no work."""

    def __init__(self, environ: Mapping[str, str]) -> None:
        self._socket = _connected(environ.get("NOTIFY_SOCKET", ""))
        self._status = ""
        self._is_ready = False
        self.watchdog = _watchdog(environ) if self._socket else None
        """How often, at the latest, systemd wants to hear that we live; None: it does not."""

    def tell_status(self, line: str) -> None:
        """What `systemctl status` shows. The first word of it is that we are ready."""
        if line == self._status:
            return
        self._status = line
        self._send(f"STATUS={line}", *(() if self._is_ready else ("READY=1",)))
        self._is_ready = True

    def tell_alive(self) -> None:
        self._send("WATCHDOG=1")

    def tell_stopping(self) -> None:
        self._send("STOPPING=1", "STATUS=stopping")

    @contextmanager
    def reloading(self) -> Iterator[None]:
        """Around the settings' being read again (Type=notify-reload)."""
        now = time.clock_gettime_ns(time.CLOCK_MONOTONIC) // 1000
        self._send("RELOADING=1", f"MONOTONIC_USEC={now}")
        try:
            yield
        finally:
            self._send("READY=1", f"STATUS={self._status}")

    def close(self) -> None:
        if self._socket is not None:
            self._socket.close()

    def _send(self, *lines: str) -> None:
        if self._socket is not None:
            with suppress(OSError):
                self._socket.send("\n".join(lines).encode())


def _connected(name: str) -> socket.socket | None:
    # "@" stands for the zero byte that begins an abstract name.
    if not name.startswith(("/", "@")):
        return None
    connected = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    connected.settimeout(MOST_WAIT)
    try:
        connected.connect("\0" + name[1:] if name.startswith("@") else name)
    except OSError:
        connected.close()
        return None
    return connected


def _watchdog(environ: Mapping[str, str]) -> Seconds | None:
    """WATCHDOG_PID: it may be meant for the process that started us."""
    if environ.get("WATCHDOG_PID", str(os.getpid())) != str(os.getpid()):
        return None
    told = environ.get("WATCHDOG_USEC", "")
    return Seconds(int(told) / MICRO) if told.isdecimal() and int(told) else None
