"""The pool of children: a fixed number of places, each with a child that can be replaced.

    empty ──start──> warm ──task──> busy ──outcome──> warm
      ^                              │        │
      │                              │        └── after `jobs` tasks, or a suspect failure ──┐
      └── cancelled, dead, silent, or talking nonsense ──────────────────────────────────────┘

The way back is always the same: kill the whole session and wait until it is dead.
"""

import asyncio
from collections.abc import Callable, Coroutine, Mapping, Sequence
from dataclasses import dataclass

from agent.edges.child import Child, ChildLostError
from agent.edges.child_environment import child_environment
from agent.model.failures import FailureCode
from agent.model.ids import Seconds
from agent.model.work import Failed, PipelineSettings, Produced, Progress, Task

_ONE_MINUTE, _TEN_MINUTES = Seconds(60.0), Seconds(600.0)
_FIRST_PAUSE, _LONGEST_PAUSE = Seconds(0.1), Seconds(30.0)
_SUSPECT = {FailureCode.INTERNAL, FailureCode.OUT_OF_MEMORY}
"""After these a GPU's context may be broken for good, and only a new process gets a new one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    jobs: int = 100
    """Tasks that one child does: what leaks in a library is gone with it."""
    stall: Seconds = _TEN_MINUTES
    """Between two frames of a busy child."""
    start: Seconds = _ONE_MINUTE
    """Until a new child is ready. It imports nothing heavy, so this is for loaded machines."""


_USUAL = Limits()


class ChildPool:
    """A fixed number of places, each with a child that is replaced whenever it has to be."""

    def __init__(
        self,
        command: Sequence[str],
        settings: PipelineSettings,
        environ: Mapping[str, str],
        devices: Sequence[str | None] = (None,),
        limits: Limits = _USUAL,
    ) -> None:
        """One place for each of `devices`: the GPU that its child sees, or None for them all."""

        async def start(device: str | None) -> Child:
            environment = child_environment(environ, settings, device)
            return await Child.start(command, environment, settings, limits.start)

        self._places = [_Place(device, start, limits) for device in devices]
        self._idle = list(self._places)
        self._free = asyncio.Semaphore(len(self._places))

    async def start(self) -> tuple[str, ...]:
        """Warm the idle places, and say which content types they do. Raises `ChildLostError`."""
        content_types: tuple[str, ...] = ()
        for place in self._places:
            if place in self._idle:
                content_types = (await place.warm_child()).content_types
        return content_types

    async def run(self, task: Task, on_progress: Callable[[Progress], None]) -> Produced | Failed:
        """Run `task` in a warm child. Cancelling kills the child and returns when it is dead."""
        async with self._free:
            place = next((place for place in self._idle if place.is_warm), self._idle[0])
            self._idle.remove(place)
            try:
                return await place.run(task, on_progress)
            finally:
                self._idle.append(place)
                self._idle.sort(key=self._places.index)

    async def close(self) -> None:
        """Leaves no process behind. Tasks still running end as crashed: cancel them first."""
        for place in self._places:
            await place.clear()


class _Place:
    def __init__(
        self,
        device: str | None,
        start: Callable[[str | None], Coroutine[None, None, Child]],
        limits: Limits,
    ) -> None:
        self._device = device
        self._start = start
        self._limits = limits
        self._child: Child | None = None
        self._jobs = 0
        self._failed_starts = 0
        self._warming = asyncio.Lock()

    @property
    def is_warm(self) -> bool:
        return self._child is not None

    async def warm_child(self) -> Child:
        # The first task may come while the place is still being warmed.
        async with self._warming:
            if self._child is not None and not await self._child.is_waiting():
                await self.clear()
            if self._child is None:
                await self._pause()
                self._failed_starts += 1
                self._child = await self._start(self._device)
                self._failed_starts = self._jobs = 0
            return self._child

    async def run(self, task: Task, on_progress: Callable[[Progress], None]) -> Produced | Failed:
        try:
            child = await self.warm_child()
            outcome = await child.run(task, on_progress, self._limits.stall)
        except ChildLostError as error:
            self._child = None
            return Failed(FailureCode.WORKER_CRASHED, f"{error}.", error.last_words)
        except BaseException:
            self._child = None  # it is dead already
            raise
        self._jobs += 1
        is_suspect = isinstance(outcome, Failed) and outcome.code in _SUSPECT
        if is_suspect or self._jobs >= self._limits.jobs:
            await self.clear()
        return outcome

    async def clear(self) -> None:
        child, self._child = self._child, None
        if child is not None:
            await child.kill()

    async def _pause(self) -> None:
        if self._failed_starts:
            longer = _FIRST_PAUSE * 2.0 ** (self._failed_starts - 1)
            await asyncio.sleep(min(longer, _LONGEST_PAUSE))
