"""Log lines as the journal of systemd takes them: each field by itself, to be searched for.

    journalctl -u morag-agent MORAG_EVENT=lease.lost
    journalctl -u morag-agent MORAG_JOB_ID=j-123 -p warning

The native protocol (systemd.io/JOURNAL_NATIVE_PROTOCOL): one datagram a line; what is too large for
one goes as a sealed file in memory.
"""

import array
import errno
import fcntl
import json
import logging
import os
import re
import socket
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path

SOCKET = Path("/run/systemd/journal/socket")
NAME = "morag-agent"
_PRIORITIES = (
    (logging.CRITICAL, 2),
    (logging.ERROR, 3),
    (logging.WARNING, 4),
    (logging.INFO, 6),
)
_DEBUG = 7
_SEALS = fcntl.F_SEAL_SHRINK | fcntl.F_SEAL_GROW | fcntl.F_SEAL_WRITE | fcntl.F_SEAL_SEAL
_NO_NAME = re.compile(r"[^A-Z0-9_]")
LONGEST_NAME = 58
_ASIDE = frozenset({"event", "level", "timestamp", "exception"})
"""Not told again in the message: it has them, or the journal has its own."""


def is_our_stderr(environ: Mapping[str, str]) -> bool:
    """Standard error is what systemd has connected to the journal, and still is."""
    device, _, inode = environ.get("JOURNAL_STREAM", "").partition(":")
    try:
        found = os.fstat(sys.stderr.fileno())
    except (OSError, ValueError):
        return False
    return (device, inode) == (str(found.st_dev), str(found.st_ino))


class JournalHandler(logging.Handler):
    """Its formatter gives JSON; what the journal does not take goes to standard error as that."""

    def __init__(self, path: Path = SOCKET) -> None:
        super().__init__()
        self._path = str(path)
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)

    def emit(self, record: logging.LogRecord) -> None:
        line = self.format(record)
        try:
            self._send(b"".join(_fields(json.loads(line), record.levelno)))
        except OSError:
            sys.stderr.write(line + "\n")

    def close(self) -> None:
        self._socket.close()
        super().close()

    def _send(self, entry: bytes) -> None:
        try:
            self._socket.sendto(entry, self._path)
        except OSError as error:
            if error.errno not in {errno.EMSGSIZE, errno.ENOBUFS}:
                raise
            self._send_as_file(entry)

    def _send_as_file(self, entry: bytes) -> None:
        with os.fdopen(os.memfd_create(NAME, os.MFD_ALLOW_SEALING | os.MFD_CLOEXEC), "wb") as file:
            file.write(entry)
            file.flush()
            fcntl.fcntl(file, fcntl.F_ADD_SEALS, _SEALS)
            rights = array.array("i", [file.fileno()])
            passed = [(socket.SOL_SOCKET, socket.SCM_RIGHTS, rights)]
            self._socket.sendmsg([b""], passed, 0, self._path)


def _fields(event: Mapping[str, object], level: int) -> Iterator[bytes]:
    yield _field("MESSAGE", _message(event))
    yield _field("PRIORITY", str(next((p for at, p in _PRIORITIES if level >= at), _DEBUG)))
    yield _field("SYSLOG_IDENTIFIER", NAME)
    for key, value in event.items():
        if key not in {"level", "timestamp"}:
            name = _NO_NAME.sub("_", key.upper())[:LONGEST_NAME]
            yield _field(f"MORAG_{name}", _text(value))


def _message(event: Mapping[str, object]) -> str:
    """The line that people read: the event and its fields, and a traceback below."""
    told = [f"{key}={_text(value)}" for key, value in event.items() if key not in _ASIDE]
    exception = event.get("exception")
    return " ".join([_text(event.get("event")), *told]) + (f"\n{exception}" if exception else "")


def _text(value: object) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def _field(name: str, value: str) -> bytes:
    """With its length where it has more than one line."""
    raw = value.encode("utf-8", "replace")
    if b"\n" not in raw:
        return name.encode() + b"=" + raw + b"\n"
    return name.encode() + b"\n" + len(raw).to_bytes(8, "little") + raw + b"\n"
