"""The pool of children: a fixed number of places, each with a child that can be replaced.

    empty ──start──> warm ──task──> busy ──outcome──> warm
      ^                              │        │
      │                              │        └── after `jobs` tasks, or a suspect failure ──┐
      └── cancelled, dead, silent, or talking nonsense ──────────────────────────────────────┘

The way back is always the same: kill the child with all that it has started, and wait until it is
dead. A place whose children die one after the other waits longer and longer before the next one.
"""

import asyncio
from collections.abc import Callable, Coroutine, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

from agent.edges.child import Child, ChildLostError
from agent.edges.child_environment import child_environment
from agent.edges.meter import Meter
from agent.model.failures import FailureCode
from agent.model.ids import Seconds
from agent.model.work import Failed, Outcome, PipelineSettings, Progress, Task

_ONE_MINUTE, _TEN_MINUTES = Seconds(60.0), Seconds(600.0)
_FIRST_PAUSE, _LONGEST_PAUSE = Seconds(0.1), Seconds(30.0)
_LARGEST_POWER = 10
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
        *,
        meter: Meter | None = None,
    ) -> None:
        """One place for each of `devices`: the GPU that its child sees, or None for them all."""

        async def start(device: str | None) -> Child:
            environment = child_environment(environ, settings, device)
            return await Child.start(command, environment, settings, limits.start)

        self._places = [_Place(device, start, limits) for device in devices]
        self._idle = list(self._places)
        self._free = asyncio.Semaphore(len(self._places))
        self._meter = meter or Meter()
        self._is_resting = False

    @property
    def deaths(self) -> int:
        """How many children have died that nobody had ended."""
        return sum(place.deaths for place in self._places)

    async def start(self) -> tuple[str, ...]:
        """Warm the idle places, and say which content types they do. Raises `ChildLostError`."""
        content_types: tuple[str, ...] = ()
        for place in self._places:
            if place in self._idle:
                content_types = (await place.warm_child()).content_types
        return content_types

    async def run(self, task: Task, on_progress: Callable[[Progress], None]) -> Outcome:
        """Run `task` in a warm child, or in a fresh one if it is frugal.

        Cancelling kills the child and returns when it is dead.
        """
        async with self._free:
            place = self._best_place(task)
            self._idle.remove(place)
            try:
                if task.is_frugal:
                    await self._make_room(place)
                with self._meter.computing(task.job_id, place.device):
                    return await place.run(task, on_progress)
            finally:
                self._idle.append(place)
                self._idle.sort(key=self._places.index)
                if self._is_resting:
                    await place.clear()

    async def rest(self) -> None:
        """End the idle children, and each other after its task, so that the GPU is free."""
        self._is_resting = True
        for place in self._places:
            if place in self._idle:
                await place.clear()

    async def probe(self) -> str | None:
        """Rest no more: bring up fresh children. Why one cannot be brought up, or None."""
        self._is_resting = False
        try:
            await self.start()
        except ChildLostError as error:
            return f"{error}"
        return None

    def _best_place(self, task: Task) -> "_Place":
        wanted = [place for place in self._idle if place.is_warm is not task.is_frugal]
        return min(wanted or self._idle, key=lambda place: place.pause_left)

    async def _make_room(self, place: "_Place") -> None:
        """Leave the memory to the child that `place` will start."""
        await place.clear()
        for neighbour in self._places:
            if neighbour in self._idle and neighbour.device == place.device:
                await neighbour.clear()

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
        self.device = device
        self._start = start
        self._limits = limits
        self._child: Child | None = None
        self._jobs = 0
        self.deaths = 0
        self._deaths = 0
        """In a row, without an outcome between them."""
        self._died_at = 0.0
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
                await asyncio.sleep(self.pause_left)
                with self._counted_deaths():
                    self._child = await self._start(self.device)
                self._jobs = 0
            return self._child

    async def run(self, task: Task, on_progress: Callable[[Progress], None]) -> Outcome:
        try:
            child = await self.warm_child()
            with self._counted_deaths():
                outcome = await child.run(task, on_progress, self._limits.stall)
        except ChildLostError as error:
            return Failed(error.code, f"{error}.", error.last_words)
        self._deaths = 0
        self._jobs += 1
        is_suspect = isinstance(outcome, Failed) and outcome.code in _SUSPECT
        if is_suspect or self._jobs >= self._limits.jobs:
            await self.clear()
        return outcome

    async def clear(self) -> None:
        child, self._child = self._child, None
        if child is not None:
            await child.kill()

    @property
    def pause_left(self) -> float:
        """Seconds until the next child may be started."""
        if not self._deaths:
            return 0.0
        longer = _FIRST_PAUSE * 2.0 ** min(self._deaths - 1, _LARGEST_POWER)
        since = asyncio.get_running_loop().time() - self._died_at
        return max(0.0, min(longer, _LONGEST_PAUSE) - since)

    @contextmanager
    def _counted_deaths(self) -> Iterator[None]:
        """Around what leaves no child alive unless it succeeds."""
        try:
            yield
        except BaseException as error:
            self._child = None
            if isinstance(error, ChildLostError):
                self._deaths += 1
                self.deaths += 1
                self._died_at = asyncio.get_running_loop().time()
            raise
