"""The verbs as processes of their own, for `demo`: started, watched, and ended without exception.

Signals are noted and looked at between two looks at the processes: nothing is ever interrupted
between the start of a process and the moment from which it is sure to be ended.
"""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from types import FrameType

from agent.cli.exit_codes import ExitCode
from agent.model.errors import AgentError

LOOK_EVERY = 0.05
GRACE = 8.0
"""Seconds to end after SIGTERM; a container's own grace is 10."""
SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)

Process = subprocess.Popen[bytes]


class VerbFailedError(AgentError):
    """One of the verbs did not do its part."""

    def __init__(self, reason: str, code: ExitCode = ExitCode.BUG) -> None:
        super().__init__(reason)
        self.code = code


class StoppedError(AgentError):
    """A person, or whoever started us, wants no more of it."""


class Stop:
    """A signal to end has come."""

    def __init__(self) -> None:
        self.is_asked = False

    def note(self, number: int, frame: FrameType | None) -> None:
        del number, frame
        self.is_asked = True

    def wait_for(self, is_so: Callable[[], object]) -> None:
        """Until it is so. Raises `StoppedError` on a signal."""
        while not is_so():
            if self.is_asked:
                raise StoppedError("stopped by a signal")
            time.sleep(LOOK_EVERY)


@contextmanager
def noted_signals() -> Iterator[Stop]:
    stop = Stop()
    before = {number: signal.signal(number, stop.note) for number in SIGNALS}
    try:
        yield stop
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


class Verbs:
    """Starts verbs in `folder`."""

    def __init__(self, folder: Path, stop: Stop) -> None:
        self._folder = folder
        self._environ = environment(os.environ)
        self._stop = stop

    def done(self, *words: str) -> None:
        """Run one to its end, unseen."""
        log = f"{words[0]}.log"
        with self.started(log, *words) as process:
            self._stop.wait_for(lambda: process.poll() is not None)
        if process.returncode:
            said = (self._folder / log).read_text(errors="replace")
            raise VerbFailedError(f"`{words[0]}` ended with {process.returncode}: {said}")

    def watched(self, beside: Process, *words: str) -> None:
        """Run one that people see, for as long as the process that it waits for lives."""
        with self._running(words, output=None) as process:
            self._stop.wait_for(lambda: process.poll() is not None or beside.poll() is not None)
            code = process.poll()
        if code is None:
            raise VerbFailedError("the agent ended before the job did")
        if code:
            known = ExitCode(code) if code in set(ExitCode) else ExitCode.BUG
            raise VerbFailedError(f"`{words[0]}` ended with {code}", known)

    @contextmanager
    def started(self, log: str, *words: str) -> Iterator[Process]:
        """One that works in the background; what it said is shown when something fails."""
        path = self._folder / log
        try:
            with self._running(words, output=path) as process:
                yield process
        except VerbFailedError as error:
            if error.code is not ExitCode.NO:  # then the file is to blame, and that has been said
                print(path.read_text(errors="replace"), file=sys.stderr)
            raise

    @contextmanager
    def _running(self, words: tuple[str, ...], output: Path | None) -> Iterator[Process]:
        with (output or Path(os.devnull)).open("wb") as sink:
            process = subprocess.Popen(  # noqa: S603 (our own verbs)
                [sys.executable, "-m", "agent", *words],
                cwd=self._folder,
                env=self._environ,
                stdin=subprocess.DEVNULL,
                stdout=sink,
                stderr=None if output is None else subprocess.STDOUT,
                # Ctrl-C on the terminal is for us alone: we end them in their order.
                process_group=0,
            )
        try:
            yield process
        finally:
            _end(process)


def _end(process: Process) -> None:
    """SIGTERM, and after a while an end for it and all that it started."""
    process.terminate()
    try:
        process.wait(GRACE)
    except subprocess.TimeoutExpired:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()


_PROXIES = frozenset({"http_proxy", "https_proxy", "all_proxy", "ftp_proxy", "no_proxy"})


def environment(environ: Mapping[str, str]) -> dict[str, str]:
    """Ours without the owner's settings, which may name a real server, and without proxies.

    Everything here speaks to this machine alone.
    """
    kept = {
        name: value
        for name, value in environ.items()
        if not name.startswith(("MORAG_", "WHISPER_")) and name.lower() not in _PROXIES
    }
    return kept | {"MORAG_AGENT_CONFIG": os.devnull}
