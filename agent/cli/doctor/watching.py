"""One line on a terminal that says what is being looked at; it goes when all is known."""

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TextIO

from agent.cli.doctor.check import Check, Result

_CLEAR = "\r\033[K"


class Blank:
    """Nobody watches."""

    def began(self, check: Check) -> None:
        """Show nothing."""

    def ended(self, result: Result) -> None:
        """Show nothing."""


class OneLine:
    def __init__(self, out: TextIO, columns: int, total: int) -> None:
        self._out = out
        self._columns = columns
        self._total = total
        self._done = 0
        self._under_way: list[str] = []

    def began(self, check: Check) -> None:
        self._under_way.append(check.name)
        self._show()

    def ended(self, result: Result) -> None:
        self._under_way.remove(result.check.name)
        self._done += 1
        self._show()

    def _show(self) -> None:
        text = f"{self._done} of {self._total}, looking at {', '.join(self._under_way)}"
        self._out.write(_CLEAR + text[: self._columns - 1])
        self._out.flush()


@contextmanager
def watching(total: int) -> Iterator[Blank | OneLine]:
    if not sys.stderr.isatty():
        yield Blank()
        return
    try:
        yield OneLine(sys.stderr, os.get_terminal_size(sys.stderr.fileno()).columns or 80, total)
    finally:
        sys.stderr.write(_CLEAR)
        sys.stderr.flush()
