"""The pool of children: a fixed number of places, some of which may have stepped back."""

import asyncio
from collections.abc import Callable, Mapping, Sequence

from agent.edges.child import Child, ChildLostError
from agent.edges.child_environment import child_environment
from agent.edges.meter import Meter
from agent.edges.place import Limits, Place, yielded
from agent.edges.steps import PAUSED
from agent.model.restraint import Rung
from agent.model.stance import Stance
from agent.model.work import Outcome, PipelineSettings, Progress, Task

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

        self._places = [Place(device, start, limits) for device in devices]
        self._idle = list(self._places)
        self._meter = meter or Meter()
        self._stance = Stance()
        self._change = asyncio.Event()
        self._is_resting = False

    @property
    def deaths(self) -> int:
        """How many children have died that nobody had ended."""
        return sum(place.deaths for place in self._places)

    @property
    def devices(self) -> tuple[str | None, ...]:
        return tuple(place.device for place in self._places)

    @property
    def open_places(self) -> int:
        """How many tasks it takes; a place that has stepped back counts while a task is in it."""
        return sum(place.is_open or place.is_busy for place in self._places)

    async def start(self) -> tuple[str, ...]:
        """Warm the idle places, and say which content types they do. Raises `ChildLostError`."""
        content_types: tuple[str, ...] = ()
        for place in self._places:
            if place in self._idle and place.is_open:
                content_types = (await place.warm_child()).content_types
                await self._tidy(place)
        return content_types

    async def run(self, task: Task, on_progress: Callable[[Progress], None]) -> Outcome:
        """Run `task` in a warm child, or in a fresh one if it is frugal.

        Cancelling kills the child and returns when it is dead.
        """
        if (place := await self._free_place(task, on_progress)) is None:
            return yielded(self._stance.whole)
        self._idle.remove(place)
        try:
            if task.is_frugal:
                await self._make_room(place)
            with self._meter.computing(task.job_id, place.device) as tell_meter:

                def hear(progress: Progress) -> None:
                    tell_meter(progress.is_paused)
                    on_progress(progress)

                return await place.run(task, hear)
        finally:
            self._idle.append(place)
            self._idle.sort(key=self._places.index)
            self._tell()
            await self._tidy(place)

    async def _free_place(
        self, task: Task, on_progress: Callable[[Progress], None]
    ) -> Place | None:
        """Once there is one; None: the whole box is to be left."""
        is_paused = False
        while (place := self._best_place(task)) is None:
            if self._stance.whole.rung is Rung.HAND_BACK:
                return None
            if not self.open_places:
                is_paused = True
                on_progress(PAUSED)
            await self._change.wait()
        if is_paused:
            on_progress(Progress(0.0, ""))  # The child may have nothing to say for long.
        return place

    async def stand(self, stance: Stance) -> None:
        """Step back or go on, each place as `stance` has it for its device.

        Returns when each has done so. Cancelling ends only the wait.
        """
        self._stance = stance
        for place in self._places:
            place.stand(stance.of(place.device))
        self._tell()
        for place in self._places:
            await place.stands()

    def _tell(self) -> None:
        """To the tasks that wait for a place."""
        self._change.set()
        self._change = asyncio.Event()

    async def rest(self) -> None:
        """End the idle children, and each other after its task, so that the GPU is free."""
        self._is_resting = True
        for place in self._places:
            await self._tidy(place)

    async def _tidy(self, place: Place) -> None:
        if place in self._idle and (self._is_resting or place.is_to_be_empty):
            await place.clear()

    async def probe(self) -> str | None:
        """Rest no more: bring up fresh children. Why one cannot be brought up, or None."""
        self._is_resting = False
        try:
            await self.start()
        except ChildLostError as error:
            return f"{error}"
        return None

    def _best_place(self, task: Task) -> Place | None:
        free = [place for place in self._idle if place.is_open]
        wanted = [place for place in free if place.is_warm is not task.is_frugal]
        return min(wanted or free, key=lambda place: place.pause_left, default=None)

    async def _make_room(self, place: Place) -> None:
        """Leave the memory to the child that `place` will start."""
        await place.clear()
        for neighbour in self._places:
            if neighbour in self._idle and neighbour.device == place.device:
                await neighbour.clear()

    async def close(self) -> None:
        """Leaves no process behind. Tasks still running end as crashed: cancel them first."""
        for place in self._places:
            await place.close()
