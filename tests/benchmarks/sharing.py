"""A GPU that a transcription shares with a program from outside, seen from beside them.

The program is nobody's child that we started: the agent would count it as its own.
"""

import asyncio
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from threading import Event, Thread

from agent.compose.box import keepers_of, watch_of
from agent.compose.children import CHILD, names_by_uuid
from agent.config import Settings
from agent.core.stance import stance_of
from agent.edges.children import ChildPool
from agent.edges.clock import SystemClock
from agent.edges.nvml import Nvml
from agent.model.restraint import Restraint
from agent.model.work import Outcome, PipelineSettings, Progress, Returned, Task
from agent.runtime.watching import Watching

ROUNDS = 3
QUIET_S, HAND_BACK_S = 3.0, 12.0
STAYS_S, LIMIT_S = 7.0, 60.0
MB = 10**6
_FOREIGN = """
import os, sys, time, torch
go, seconds = sys.argv[1], float(sys.argv[2])
while not os.path.exists(go):
    time.sleep(0.01)
left = torch.rand(8192, 8192, device="cuda", dtype=torch.bfloat16)
held = torch.empty(4 * 2**30, dtype=torch.uint8, device="cuda")
end = time.time() + seconds
while time.time() < end:
    for _ in range(20):
        left @ left
    torch.cuda.synchronize()
"""


@dataclass
class Share:
    """Seconds and megabytes."""

    until_off: list[float] = field(default_factory=list)
    until_on: float = 0.0
    computing: float = 0.0
    waiting: float = 0.0
    handed_back: float = 0.0
    quiet: float = QUIET_S


@dataclass(frozen=True)
class Sample:
    at: float
    ours: int
    """Bytes on the GPU; the others' likewise."""
    theirs: int


class Observer:
    """Asks the driver each 50 ms, with a library of its own."""

    def __init__(self, ours: Callable[[], set[int]]) -> None:
        self._ours = ours
        self._ended = Event()
        self.samples: list[Sample] = []
        Thread(target=self._run, daemon=True).start()

    @property
    def now(self) -> Sample:
        return self.samples[-1]

    def close(self) -> None:
        self._ended.set()

    def _run(self) -> None:
        import pynvml

        pynvml.nvmlInit()
        card = pynvml.nvmlDeviceGetHandleByIndex(0)
        while not self._ended.wait(0.05):
            held = {
                one.pid: one.usedGpuMemory or 0
                for one in pynvml.nvmlDeviceGetComputeRunningProcesses(card)
            }
            ours = self._ours() & held.keys()
            mine = sum(held[pid] for pid in ours)
            self.samples.append(Sample(time.monotonic(), mine, sum(held.values()) - mine))


async def share(task: Task, settings: PipelineSettings) -> Share:
    """Raises `TimeoutError` where a step does not come, and `TypeError` where the job ends ill."""
    found = Share()
    pool = ChildPool(CHILD, settings, os.environ, devices=("0",))
    observer = Observer(_descendants)
    told = asyncio.Queue[Progress]()
    try:
        async with _guest(pool):
            job = asyncio.create_task(pool.run(task, told.put_nowait))
            for _ in range(ROUNDS):
                await _transcribing(job, told)
                found.computing = observer.now.ours / MB
                await _round(observer, found, STAYS_S)
            await _transcribing(job, told)
            with _foreign(HAND_BACK_S + STAYS_S):
                outcome = await asyncio.wait_for(job, LIMIT_S)
                await asyncio.sleep(0.5)
                found.handed_back = observer.now.ours / MB
    finally:
        observer.close()
        await pool.close()
    return _checked(found, outcome)


def _checked(found: Share, outcome: Outcome) -> Share:
    if not isinstance(outcome, Returned):
        raise TypeError(f"handed back was to be the job that ended with {outcome}")
    return found


async def _round(observer: Observer, found: Share, seconds: float) -> None:
    before = observer.now.ours
    with _foreign(seconds):
        came = await _moment(lambda: observer.now.theirs > 0)
        off = await _moment(lambda: observer.now.ours < before - 60 * MB)
        await asyncio.sleep(1.0)
        found.until_off.append(off - came)
        found.waiting = observer.now.ours / MB
        left = found.waiting * MB
        gone = await _moment(lambda: observer.now.theirs == 0)
        found.until_on = await _moment(lambda: observer.now.ours > left + 60 * MB) - gone


async def _moment(has_come: Callable[[], bool]) -> float:
    async with asyncio.timeout(LIMIT_S):
        while not has_come():
            await asyncio.sleep(0.02)
    return time.monotonic()


async def _transcribing(job: "asyncio.Task[Outcome]", told: asyncio.Queue[Progress]) -> None:
    """Some windows of it."""
    async with asyncio.timeout(LIMIT_S):
        windows = 0
        while windows < 5 and not job.done():
            windows += (await told.get()).message == "transcribing"
    while not told.empty():
        told.get_nowait()


@asynccontextmanager
async def _guest(pool: ChildPool) -> AsyncIterator[None]:
    """The agent's own watch, ladder and pool, without the jobs around them."""
    settings = Settings(guest_quiet_s=QUIET_S, guest_hand_back_after_s=HAND_BACK_S)
    nvml, clock, wishes = Nvml(), SystemClock(), dict[str, Restraint]()
    names = names_by_uuid(nvml.states().gpus, pool.devices)
    changed = asyncio.Event()

    def restrain(source: str, restraint: Restraint | None) -> None:
        wishes.pop(source, None)
        wishes.update({} if restraint is None else {source: restraint})
        changed.set()

    async def follow() -> None:
        while True:
            await changed.wait()
            changed.clear()
            standing = tuple(wishes.values())
            await pool.stand(stance_of(standing, pool.devices, names, clock.now()))

    watching = Watching(
        watch_of(settings, nvml), keepers_of(settings), clock, restrain, is_computing=lambda: True
    )
    tasks = [asyncio.create_task(one) for one in (watching.run(), follow())]
    try:
        yield
    finally:
        for one in tasks:
            one.cancel()


class _foreign:  # noqa: N801 - a context
    """A program that is nobody's child, with torch imported before its time is counted."""

    def __init__(self, seconds: float) -> None:
        self._folder = tempfile.TemporaryDirectory()
        self._go = Path(self._folder.name) / "go"
        self._seconds = seconds
        self._pid = 0

    def __enter__(self) -> None:
        words = f'"$0" -c "$1" "$2" {self._seconds} >/dev/null 2>&1 & echo $!'
        program = (sys.executable, _FOREIGN, str(self._go))
        command = ("setsid", "sh", "-c", words, *program)
        told = subprocess.run(command, check=True, capture_output=True, text=True)
        self._pid = int(told.stdout)
        self._go.touch()

    def __exit__(self, *_: object) -> None:
        with suppress(ProcessLookupError):
            os.kill(self._pid, signal.SIGKILL)
        self._folder.cleanup()


def _descendants() -> set[int]:
    import psutil

    return {one.pid for one in psutil.Process().children(recursive=True)}
