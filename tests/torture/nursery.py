"""Real processes that start in a tenth of a second: forked from one that has imported everything.

All that is left out is the import of our own modules, which touches nothing.
"""

import json
import multiprocessing
import os
import signal
import sys
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from multiprocessing.context import ForkServerContext, ForkServerProcess
from pathlib import Path
from typing import Any, Protocol

from agent.cli import main

PRELOADED = [
    *(
        "agent.cli.run",
        "agent.cli.serve",
        "agent.cli.serving",
        "agent.runtime.watching",
        "httpx",
        "psutil",
    ),
    *("agent.server.app", "structlog", "tests.torture.injector", "tests.torture.den"),
    *("uvicorn.lifespan.on", "uvicorn.loops.auto", "uvicorn.protocols.http.auto"),
]
PATIENCE = 120.0
"""Seconds; these machines are shared."""

_ONE_AT_A_TIME = threading.Lock()
"""Two threads that look after one process would both read its exit status, which is there once."""

Entry = Callable[[Sequence[str]], int]


class Fault(Protocol):
    """What is to go wrong in a process; crosses a pipe on its way there."""

    def arm(self) -> None: ...


@dataclass(frozen=True, slots=True)
class Birth:
    """What a process gets on its way."""

    words: tuple[str, ...]
    environ: Mapping[str, str]
    folder: Path
    output: Path
    entry: Entry
    fault: Fault | None


@dataclass
class Born:
    """One of our processes, and what it says."""

    process: ForkServerProcess
    output: Path

    @property
    def pid(self) -> int:
        assert self.process.pid is not None
        return self.process.pid

    @property
    def is_alive(self) -> bool:
        with _ONE_AT_A_TIME:
            return self.process.is_alive()

    def said(self) -> str:
        return self.output.read_text(encoding="utf-8", errors="replace")

    def events(self, *names: str) -> list[dict[str, Any]]:
        """Its JSON log lines of these events, or all; a last line that was cut short is none."""
        lines = (line for line in self.said().splitlines(keepends=True) if line.startswith("{"))
        records = [json.loads(line) for line in lines if line.endswith("}\n")]
        return [record for record in records if not names or record.get("event") in names]

    def kill(self) -> None:
        """-9."""
        self.process.kill()
        self.end()

    def terminate(self) -> int:
        self.process.terminate()
        return self.end()

    def end(self, patience: float = PATIENCE) -> int:
        """Its exit status; minus the signal that ended it."""
        wait_until(f"an end of {self.output.name}", lambda: not self.is_alive, patience, 0.002)
        assert self.process.exitcode is not None
        return self.process.exitcode


class Nursery:
    """Starts the verbs of the command line; nothing that it started outlives `close`."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.born: list[Born] = []
        self._context: ForkServerContext = multiprocessing.get_context("forkserver")
        self._context.set_forkserver_preload(PRELOADED)

    def start(
        self, name: str, words: Sequence[str], *, entry: Entry = main, fault: Fault | None = None
    ) -> Born:
        output = self.folder / f"{name}-{len(self.born)}.log"
        output.touch()
        # Nobody's own settings may reach a test; the home is what our processes are known by.
        kept = {key: value for key, value in os.environ.items() if not key.startswith("MORAG_")}
        environ = kept | {"HOME": str(self.folder)}
        birth = Birth(tuple(words), environ, self.folder, output, entry, fault)
        process = self._context.Process(target=live, args=(birth,))
        with _ONE_AT_A_TIME:
            process.start()
        born = Born(process, output)
        self.born.append(born)
        return born

    def close(self) -> None:
        for born in self.born:
            if born.is_alive:
                born.kill()


def live(birth: Birth) -> None:
    """The whole life of such a process."""
    signal.signal(signal.SIGINT, signal.default_int_handler)
    log = os.open(birth.output, os.O_WRONLY | os.O_APPEND)
    os.dup2(log, 1)
    os.dup2(log, 2)
    os.close(log)
    os.chdir(birth.folder)
    os.environ.clear()
    os.environ.update(birth.environ)
    if birth.fault is not None:
        birth.fault.arm()
    code = birth.entry(birth.words)
    sys.stdout.flush()
    sys.stderr.flush()
    # What the fork left behind is not ours to end in order.
    os._exit(code)


def by_exec(words: Sequence[str]) -> int:
    """An `Entry`: as from a shell, with nothing imported yet."""
    os.execv(sys.executable, [sys.executable, "-m", "agent", *words])  # noqa: S606 - no shell is meant


def wait_until(
    what: str, is_true: Callable[[], object], patience: float = PATIENCE, pause: float = 0.01
) -> None:
    deadline = time.monotonic() + patience
    while not is_true():
        if time.monotonic() > deadline:
            raise AssertionError(f"not within {patience:g} s: {what}")
        time.sleep(pause)
