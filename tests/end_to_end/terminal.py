"""A program on a terminal of 80 columns and 24 lines."""

import fcntl
import os
import pty
import re
import struct
import subprocess
import termios
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress

from tests.end_to_end.house import AGENT, House

LINES, COLUMNS = 24, 80
_HOME = "\x1b[H"
_COMMAND = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")


class Terminal:
    def __init__(self, process: subprocess.Popen[bytes], ours: int) -> None:
        self.process = process
        self._ours = ours
        self.said = ""

    def says(self, words: str) -> bool:
        """By now."""
        with suppress(OSError):  # nothing yet, or nothing more
            self.said += os.read(self._ours, 65536).decode(errors="replace")
        return words in self.said

    def hang_up(self) -> None:
        """As a window that is closed: its programs get SIGHUP."""
        os.close(self._ours)
        self._ours = -1

    def close(self) -> None:
        if self._ours >= 0:
            os.close(self._ours)

    @property
    def screen(self) -> str:
        """What stands on it after the last whole picture."""
        *_, last, _ = self.said.split(_HOME)
        lines = [_COMMAND.sub("", line).rstrip() for line in last.splitlines()]
        return "\n".join(lines).rstrip() + "\n"


@contextmanager
def terminal(house: House, words: Sequence[str], **environ: str) -> Iterator[Terminal]:
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", LINES, COLUMNS, 0, 0))
    kept = {key: value for key, value in os.environ.items() if not key.startswith("MORAG_")}
    process = subprocess.Popen(
        [*AGENT, *words],
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
        env={**kept, "HOME": str(house.folder), "TERM": "xterm", **environ},
        cwd=house.folder,
        start_new_session=True,
        # The first terminal that such a process opens becomes its own.
        preexec_fn=lambda: os.close(os.open(os.ttyname(0), os.O_RDWR)),  # noqa: PLW1509
    )
    os.close(theirs)
    os.set_blocking(ours, False)
    shown = Terminal(process, ours)
    try:
        yield shown
    finally:
        process.kill()
        process.wait()
        shown.close()
