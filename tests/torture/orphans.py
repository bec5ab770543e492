"""Finds processes that outlive the one they worked for."""

import time
from pathlib import Path

import psutil

from tests.torture.nursery import wait_until

MOST = 5.0
"""Seconds that a process may live on after its parent."""


class OrphanWatch:
    """Knows our processes by their home, a folder that nobody else has."""

    def __init__(self, home: Path, most: float = MOST) -> None:
        self._home = str(home)
        self._most = most
        self._since: dict[psutil.Process, float] = {}
        self.found: dict[psutil.Process, str] = {}

    def look(self, alive: set[int]) -> None:
        """`alive`: the processes that we started and have not killed."""
        now = time.monotonic()
        strays = {one for one in self._ours() if not _belongs(one, alive)}
        self._since = {one: self._since.get(one, now) for one in strays}
        for one, since in self._since.items():
            if now - since > self._most and one not in self.found:
                self.found[one] = f"{one.pid}: {_command(one)}"

    def look_until_sure(self) -> None:
        """Nobody of ours is to be alive: wait until they are gone, or are found."""

        def is_sure() -> bool:
            self.look(set())
            return self._since.keys() <= self.found.keys()

        wait_until("processes that end", is_sure, pause=0.1)

    def _ours(self) -> list[psutil.Process]:
        return [one for one in psutil.process_iter() if _home_of(one) == self._home]


def _home_of(process: psutil.Process) -> str | None:
    try:
        return process.environ().get("HOME")
    except (psutil.Error, OSError):
        return None


def _belongs(process: psutil.Process, alive: set[int]) -> bool:
    """It is one of these, or descends from one."""
    try:
        return not alive.isdisjoint({process.pid, *(one.pid for one in process.parents())})
    except psutil.NoSuchProcess:
        return True


def _command(process: psutil.Process) -> str:
    try:
        return " ".join(process.cmdline())
    except psutil.Error:
        return "gone since"
