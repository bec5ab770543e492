"""What each running child holds in memory: one small file a child, for `models list` to read.

The file is for people only: nothing fails where it cannot be written, and one that a killed child
left is known by the process that is gone.
"""

import json
import logging
import os
import socket
import sys
from collections import deque
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Self

from agent.pipelines.models.files import whole_file
from agent.pipelines.models.search import user_cache

_PIPELINES = "agent.pipelines"
_MOST_WARNINGS, _LONGEST_WARNING = 3, 400
_SAME_START = 1.0
"""Seconds by which two readings of one process's start may differ."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Holding:
    host: str
    pid: int
    started: float
    """The process's own start: a number can be another process's by now."""
    held: tuple[str, ...]
    warnings: tuple[str, ...] = ()

    @property
    def is_here(self) -> bool:
        return self.host == socket.gethostname()

    @property
    def is_alive(self) -> bool:
        import psutil

        try:
            started = psutil.Process(self.pid).create_time()
        except psutil.Error:
            return False
        return abs(started - self.started) < _SAME_START


def holdings_folder() -> Path:
    return user_cache() / "morag-agent" / "children"


class Noticeboard:
    """This process's file, written whenever what it holds has changed."""

    def __init__(self, folder: Path) -> None:
        self._file = folder / f"{socket.gethostname()}-{os.getpid()}.json"
        self._shown: tuple[tuple[str, ...], tuple[str, ...]] = ((), ())
        self._warnings = KeptWarnings()
        with suppress(OSError):
            _remove_stale(folder)

    def __enter__(self) -> Self:
        self._warnings.__enter__()
        return self

    def __exit__(self, *_: object) -> None:
        """A child that holds nothing any more has no file."""
        self._warnings.__exit__()
        with suppress(OSError):
            self._file.unlink(missing_ok=True)

    def show(self, held: Sequence[str]) -> None:
        told = (tuple(held), self._warnings.lines)
        if told == self._shown:
            return
        self._shown = told
        with suppress(OSError):
            self._write(*told)

    def _write(self, held: tuple[str, ...], warnings: tuple[str, ...]) -> None:
        import psutil

        mine = Holding(
            host=socket.gethostname(),
            pid=os.getpid(),
            started=psutil.Process().create_time(),
            held=held,
            warnings=warnings,
        )
        self._file.parent.mkdir(parents=True, exist_ok=True)
        with whole_file(self._file) as file:
            file.write(json.dumps(asdict(mine)).encode())


class KeptWarnings(logging.Handler):
    """The last warnings of the pipelines, such as an engine that was found deaf."""

    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self._lines: deque[str] = deque(maxlen=_MOST_WARNINGS)

    @property
    def lines(self) -> tuple[str, ...]:
        return tuple(self._lines)

    def emit(self, record: logging.LogRecord) -> None:
        self._lines.append(record.getMessage()[:_LONGEST_WARNING])
        sys.stderr.write(f"{record.getMessage()}\n")

    def __enter__(self) -> Self:
        logging.getLogger(_PIPELINES).addHandler(self)
        return self

    def __exit__(self, *_: object) -> None:
        logging.getLogger(_PIPELINES).removeHandler(self)


def holdings(folder: Path) -> tuple[Holding, ...]:
    """Of the children that run on this machine now."""
    return tuple(one for _, one in _read(folder) if one.is_here and one.is_alive)


def _remove_stale(folder: Path) -> None:
    for file, one in _read(folder):
        if one.is_here and not one.is_alive:
            file.unlink(missing_ok=True)


def _read(folder: Path) -> Iterator[tuple[Path, Holding]]:
    for file in sorted(folder.glob("*.json")):
        try:
            fields = json.loads(file.read_bytes())
            one = Holding(
                host=str(fields["host"]),
                pid=int(fields["pid"]),
                started=float(fields["started"]),
                held=tuple(map(str, fields["held"])),
                warnings=tuple(map(str, fields["warnings"])),
            )
        except (OSError, ValueError, KeyError, TypeError):
            continue
        yield file, one
