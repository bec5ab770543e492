"""Children that take virtual time and write what can be checked; the seed says how it goes."""

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Protocol

from agent.model.failures import FailureCode
from agent.model.work import Failed, Outcome, Produced, Progress, Task
from tests.simulation.loop import Machine
from tests.simulation.story import Ending, JobStory

STEPS = 2
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


class SimulatedPool:
    """The `Pool` port for one process."""

    def __init__(
        self, process: str, machine: Machine, jobs: dict[str, JobStory], watcher: Watcher
    ) -> None:
        self.process = process
        self.is_dead = False
        self._machine = machine
        self._jobs = jobs
        self._watcher = watcher
        self._counts: dict[str, int] = {}

    async def run(self, task: Task, on_progress: Callable[[Progress], None]) -> Outcome:
        job = self._jobs[str(task.options["name"])]
        count = self._counts[job.name] = self._counts.get(job.name, -1) + 1
        course = job.courses[min(count, len(job.courses) - 1)]
        self._watcher.computes(self.process, job)
        try:
            for step in range(STEPS):
                on_progress(Progress(step / STEPS, f"step {step + 1}"))
                await asyncio.sleep(course.takes / STEPS)
                if not self.is_dead:
                    self._watcher.still_computes(self.process, job)
            return await self._end(task, job, course.ending)
        finally:
            self._watcher.stopped(self.process, job)

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
        results = job.results(_read(task.input))
        _write(task.output, results)
        return Produced(tuple((name, "text/plain") for name in results), {"name": job.name})


def _read(path: str) -> bytes:
    return Path(path).read_bytes()


def _write(folder: str, files: dict[str, bytes]) -> None:
    for name, content in files.items():
        (Path(folder) / name).write_bytes(content)
