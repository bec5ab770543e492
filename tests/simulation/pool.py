"""Children that take virtual time and write what can be checked; the seed says how it goes."""

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Protocol

from agent.model.failures import FailureCode
from agent.model.restraint import Rung
from agent.model.stance import AT_WORK, Stance
from agent.model.work import Failed, Outcome, Produced, Progress, Returned, Task
from tests.simulation.loop import Machine
from tests.simulation.story import Ending, JobStory

STEPS = 2
PAUSED = Progress(0.5, "paused", is_paused=True)
YEARS = 3e8
FAILURES = {
    Ending.CRASH: FailureCode.WORKER_CRASHED,
    Ending.OUT_OF_MEMORY: FailureCode.OUT_OF_MEMORY,
    Ending.UNREADABLE: FailureCode.MEDIA_UNREADABLE,
}


class Watcher(Protocol):
    """Who sees what the slots do."""

    def computes(self, process: str, job: JobStory) -> None: ...

    def still_computes(self, process: str, job: JobStory) -> None: ...

    def stopped(self, process: str, job: JobStory) -> None: ...


class YieldedError(Exception):
    """The child was ended for somebody else."""


class SimulatedPool:
    """The `Pool` port for one process; its places stand on one rung together."""

    def __init__(
        self,
        process: str,
        machine: Machine,
        jobs: dict[str, JobStory],
        watcher: Watcher,
        slots: int,
    ) -> None:
        self.process = process
        self.devices: tuple[str | None, ...] = (None,) * slots
        self._step = AT_WORK
        self._news = asyncio.Event()
        self._busy = 0
        self.is_dead = False
        self._machine = machine
        self.jobs = jobs
        self._watcher = watcher
        self._counts: dict[str, int] = {}

    @property
    def open_places(self) -> int:
        return len(self.devices) if self._step.is_open else self._busy

    async def run(self, task: Task, on_progress: Callable[[Progress], None]) -> Outcome:
        while not self._step.is_open or self._busy == len(self.devices):
            if self._step.rung is Rung.HAND_BACK:
                return Returned("yielded", is_box_fault=False)
            on_progress(PAUSED)
            await self._news.wait()
        self._busy += 1
        try:
            return await self._run(task, on_progress)
        except YieldedError:
            return Returned("yielded", is_box_fault=False)
        finally:
            self._busy -= 1
            self._tell()

    async def stand(self, stance: Stance) -> None:
        self._step = stance.whole
        self._tell()

    def _tell(self) -> None:
        before, self._news = self._news, asyncio.Event()
        before.set()

    async def _run(self, task: Task, on_progress: Callable[[Progress], None]) -> Outcome:
        job = self.job_of(task)
        count = self._counts[job.name] = self._counts.get(job.name, -1) + 1
        course = job.courses[min(count, len(job.courses) - 1)]
        self._watcher.computes(self.process, job)
        try:
            for step in range(STEPS):
                on_progress(Progress(step / STEPS, f"step {step + 1}"))
                await self._compute(course.takes / STEPS, on_progress)
                if not self.is_dead:
                    self._watcher.still_computes(self.process, job)
            return await self._end(task, job, course.ending)
        finally:
            self._watcher.stopped(self.process, job)

    def job_of(self, task: Task) -> JobStory:
        return self.jobs[str(task.options["name"])]

    def results(self, job: JobStory, content: bytes) -> dict[str, bytes]:
        """What comes of this input."""
        return job.results(content)

    async def _compute(self, seconds: float, on_progress: Callable[[Progress], None]) -> None:
        now = asyncio.get_running_loop().time
        while True:
            begun = now()
            try:
                async with asyncio.timeout(max(0.0, seconds)):
                    while self._step.rung < Rung.PAUSE:
                        await self._news.wait()
            except TimeoutError:
                return
            seconds -= now() - begun
            while self._step.rung is Rung.PAUSE:
                on_progress(PAUSED)
                await self._news.wait()
                on_progress(Progress(0.5, "goes on"))
            if self._step.rung is Rung.HAND_BACK:
                raise YieldedError

    async def rest(self) -> None:
        """Nothing idles here."""

    async def probe(self) -> str | None:
        return None

    async def _end(self, task: Task, job: JobStory, ending: Ending) -> Outcome:
        if ending is Ending.HANG:
            await asyncio.sleep(YEARS)
        if ending in FAILURES:
            _write(task.output, {"half-done": b"?"})
            return Failed(FAILURES[ending], f"{ending.name} as the seed says")
        results = self.results(job, _read(task.input))
        _write(task.output, results)
        return Produced(tuple((name, "text/plain") for name in results), {"name": job.name})


def _read(path: str) -> bytes:
    return Path(path).read_bytes()


def _write(folder: str, files: dict[str, bytes]) -> None:
    for name, content in files.items():
        (Path(folder) / name).write_bytes(content)
