"""One place of the pool: a device, its child, and how far it steps back.

    empty ──start──> warm ──task──> busy ──outcome──> warm
      ^                              │        │
      │                              │        └── after `jobs` tasks, or a suspect failure ──┐
      └── cancelled, dead, silent, talking nonsense, or stepping back ───────────────────────┘

The way back is always the same: kill the child with all that it has started, and wait until it is
dead. A place whose children die one after the other waits longer and longer before the next one.
"""

import asyncio
from collections.abc import Callable, Coroutine, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from agent.edges.child import Child, ChildLostError, ChildToldToEndError
from agent.edges.outlasting import outlasting_cancellation
from agent.edges.steps import PAUSED
from agent.model.failures import FailureCode
from agent.model.ids import Seconds
from agent.model.restraint import Rung
from agent.model.stance import AT_WORK, Step
from agent.model.work import Failed, Outcome, Progress, Returned, Task

_ONE_MINUTE, _TEN_MINUTES = Seconds(60.0), Seconds(600.0)
_FIRST_PAUSE, _LONGEST_PAUSE = Seconds(0.1), Seconds(30.0)
_LARGEST_POWER = 10
_SUSPECT = {FailureCode.INTERNAL, FailureCode.OUT_OF_MEMORY}
"""After these a GPU's context may be broken for good, and only a new process gets a new one."""
_SAFE_POINT = Seconds(4.5)
"""What a child gets to reach one: killing it takes half a second, and 5 s are promised for both."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    jobs: int = 100
    """Tasks that one child does: what leaks in a library is gone with it."""
    stall: Seconds = _TEN_MINUTES
    """Between two frames of a busy child, unless it has stepped back."""
    start: Seconds = _ONE_MINUTE
    """Until a new child is ready. It imports nothing heavy, so this is for loaded machines."""


def yielded(step: Step) -> Returned:
    """The outcome of a task whose child was ended for somebody else: nobody's fault."""
    return Returned(f"yielded: {step.public}", is_box_fault=False)


class Place:
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
        """Of its children, that nobody had ended."""
        self._deaths = 0
        """In a row, without an outcome between them."""
        self._died_at = 0.0
        self._warming = asyncio.Lock()
        self._step = AT_WORK
        self._may_compute = asyncio.Event()
        self._may_compute.set()
        self._work: asyncio.Task[Outcome] | None = None
        self._computing: Child | None = None
        self._waits = asyncio.Event()
        """Its task does, so that the GPU is free."""
        self._stepping: asyncio.Task[None] | None = None
        self._handed_back_for = AT_WORK

    @property
    def is_warm(self) -> bool:
        return self._child is not None

    @property
    def is_open(self) -> bool:
        return self._step.is_open

    @property
    def is_busy(self) -> bool:
        return self._work is not None

    @property
    def is_to_be_empty(self) -> bool:
        """Of all but the child whose task waits: even an idle one takes memory of the GPU."""
        return self._step.rung >= Rung.PAUSE

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
        """Cancelled, it returns when the child is dead; handed back, with `Returned`."""
        work = self._work = asyncio.create_task(self._attempt(task, on_progress))
        try:
            await asyncio.wait({work})
        finally:
            work.cancel()
            await outlasting_cancellation(_ended(work))
            self._work = None
            self._waits.set()
        return yielded(self._handed_back_for) if work.cancelled() else work.result()

    async def _attempt(self, task: Task, on_progress: Callable[[Progress], None]) -> Outcome:
        try:
            child = await self._ready_child(on_progress)
            with self._counted_deaths(), self._computes(child):
                outcome = await child.run(task, self._heard_by(on_progress), self._limits.stall)
        except ChildToldToEndError as error:
            # Before long the agent is told, too; the job is not to blame for it.
            return Returned(f"{error}", is_box_fault=False)
        except ChildLostError as error:
            return Failed(error.code, f"{error}.", error.last_words)
        self._deaths = 0
        self._jobs += 1
        is_suspect = isinstance(outcome, Failed) and outcome.code in _SUSPECT
        if is_suspect or self._jobs >= self._limits.jobs:
            await self.clear()
        return outcome

    async def _ready_child(self, on_progress: Callable[[Progress], None]) -> Child:
        """Once it may compute: the place may have to step back while the child starts."""
        child = await self.warm_child()
        while not self._may_compute.is_set():
            self._heard_by(on_progress)(PAUSED)
            await self._may_compute.wait()
            on_progress(Progress(0.0, ""))
            child = await self.warm_child()
        return child

    def _heard_by(self, on_progress: Callable[[Progress], None]) -> Callable[[Progress], None]:
        def hear(progress: Progress) -> None:
            if progress.is_paused:
                self._waits.set()
            on_progress(progress)

        return hear

    @contextmanager
    def _computes(self, child: Child) -> Iterator[None]:
        self._computing = child
        try:
            yield
        finally:
            self._computing = None

    def stand(self, step: Step) -> None:
        """Step back or go on. Returns at once; `stands` waits until it is done."""
        before, self._step = self._step, step
        if before.rung is step.rung:
            return
        if self._stepping is not None:
            self._stepping.cancel()
        if step.rung < Rung.PAUSE:
            self._go_on()
        else:
            self._may_compute.clear()
            self._stepping = asyncio.create_task(self._step_back(step))

    async def stands(self) -> None:
        if self._stepping is not None:
            await asyncio.wait({self._stepping})

    def _go_on(self) -> None:
        self._may_compute.set()
        if self._computing is not None:
            self._computing.go_on()

    async def _step_back(self, step: Step) -> None:
        if self._work is not None and step.rung is Rung.PAUSE:
            await self._wait_for_safe_point(self._work, step)
        elif self._work is not None:
            await self._hand_back(self._work, step)
        if self._work is None:
            await self.clear()

    async def _hand_back(self, work: asyncio.Task[Outcome], step: Step) -> None:
        self._handed_back_for = step
        work.cancel()
        await asyncio.wait({work})

    async def _wait_for_safe_point(self, work: asyncio.Task[Outcome], step: Step) -> None:
        self._waits.clear()
        if self._computing is not None:
            self._computing.step_back()
        try:
            async with asyncio.timeout(_SAFE_POINT):
                await self._waits.wait()
        except TimeoutError:
            await self._hand_back(work, step)

    async def clear(self) -> None:
        child, self._child = self._child, None
        if child is not None:
            await child.kill()

    async def close(self) -> None:
        if self._stepping is not None:
            self._stepping.cancel()
        await self.clear()

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
                self.deaths += 1
                self._deaths += 1
                self._died_at = asyncio.get_running_loop().time()
            raise


async def _ended(work: asyncio.Task[Outcome]) -> None:
    await asyncio.wait({work})
