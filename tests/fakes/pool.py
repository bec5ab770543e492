"""Children that take virtual time; how each task goes is data."""

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from agent.model.failures import FailureCode
from agent.model.ids import Instant, JobId, Seconds
from agent.model.restraint import Rung
from agent.model.stance import AT_WORK, Stance, Step
from agent.model.work import Failed, Outcome, Produced, Progress, Returned, Task
from agent.ports import Clock
from tests.fakes.spool import FakeSpool

AT_ONCE, SHORT, FOREVER = Seconds(0.0), Seconds(10.0), Seconds(365 * 86400.0)
A_SECOND, PATIENCE = Seconds(1.0), Seconds(5.0)
STEPS = 4
RESULTS = {"result.md": b"# Done\n"}
MANY: tuple[str | None, ...] = (None,) * 16


@dataclass(frozen=True, slots=True)
class Plan:
    """How one task goes."""

    takes: Seconds = SHORT
    results: Mapping[str, bytes] = field(default_factory=lambda: RESULTS)
    fails: Failed | Returned | None = None
    fits_frugally: bool = False
    """It fails only as long as it is not frugal."""
    breaks: Exception | None = None
    """The pool itself has a bug."""
    dies_in: Seconds = AT_ONCE
    """What killing the child takes."""
    safe_point_in: Seconds = A_SECOND
    """How long after it was told to wait or to end."""


HANGS = Plan(takes=FOREVER, safe_point_in=FOREVER)
CRASH = Failed(FailureCode.WORKER_CRASHED, "the worker crashed (SIGSEGV).")
CRASHES = Plan(fails=CRASH)


class YieldedError(Exception):
    """The child was ended for somebody else."""


@dataclass
class FakePlace:
    device: str | None
    step: Step = AT_WORK
    is_busy: bool = False
    news: asyncio.Event = field(default_factory=asyncio.Event)
    waits: asyncio.Event = field(default_factory=asyncio.Event)

    def stand(self, step: Step) -> None:
        if step.rung is not self.step.rung:
            self.waits.clear()
        self.step = step
        self.tell()

    def tell(self) -> None:
        before, self.news = self.news, asyncio.Event()
        before.set()


@dataclass
class FakePool:
    clock: Clock
    spool: FakeSpool
    devices: tuple[str | None, ...] = MANY
    plans: dict[JobId, Plan] = field(default_factory=dict[JobId, Plan])
    tasks: list[Task] = field(default_factory=list[Task])
    started_at: dict[JobId, list[Instant]] = field(default_factory=dict[JobId, list[Instant]])
    killed: list[tuple[Instant, JobId]] = field(default_factory=list[tuple[Instant, JobId]])
    rests_at: list[Instant] = field(default_factory=list[Instant])
    probes_at: list[Instant] = field(default_factory=list[Instant])
    broken_until: float = 0.0
    """Until then every task crashes."""
    no_child_until: float = 0.0
    """Until then not even a child can be brought up."""
    running: int = 0
    most_running: int = 0
    computed: dict[JobId, float] = field(default_factory=dict[JobId, float])
    """Seconds, pauses not counted."""

    def __post_init__(self) -> None:
        self.places = [FakePlace(device) for device in self.devices]

    @property
    def open_places(self) -> int:
        return sum(p.step.is_open or p.is_busy for p in self.places)

    async def run(self, task: Task, on_progress: Callable[[Progress], None]) -> Outcome:
        place = await self._place(on_progress)
        if place is None:
            return Returned("yielded", is_box_fault=False)
        self.tasks.append(task)
        self.started_at.setdefault(task.job_id, []).append(self.clock.now())
        self.running += 1
        self.most_running = max(self.most_running, self.running)
        is_done = False
        plan = self.plans.get(task.job_id, Plan())
        try:
            outcome = await self._run(task, plan, place, on_progress)
            is_done = True
        except YieldedError:
            outcome = Returned(f"yielded: {place.step.why}", is_box_fault=False)
        finally:
            if not is_done and plan.breaks is None:
                await self._sleep(plan.dies_in)
                self.killed.append((self.clock.now(), task.job_id))
            self.running -= 1
            place.is_busy = False
            self._tell()
        return outcome

    async def stand(self, stance: Stance) -> None:
        for place in self.places:
            place.stand(stance.of(place.device))
        for place in self.places:
            while place.is_busy and place.step.rung >= Rung.PAUSE and not place.waits.is_set():
                await place.news.wait()

    async def rest(self) -> None:
        self.rests_at.append(self.clock.now())

    async def probe(self) -> str | None:
        self.probes_at.append(self.clock.now())
        return "no GPU" if self.clock.now() < self.no_child_until else None

    async def _place(self, on_progress: Callable[[Progress], None]) -> FakePlace | None:
        while True:
            for place in self.places:
                if place.step.is_open and not place.is_busy:
                    place.is_busy = True
                    return place
            if all(place.step.rung is Rung.HAND_BACK for place in self.places):
                return None
            if not self.open_places:
                on_progress(Progress(0.0, "paused", is_paused=True))
            await self.places[0].news.wait()

    def _tell(self) -> None:
        for place in self.places:
            place.tell()

    async def _run(
        self, task: Task, plan: Plan, place: FakePlace, on_progress: Callable[[Progress], None]
    ) -> Outcome:
        for step in range(STEPS):
            on_progress(Progress(step / STEPS, f"step {step + 1} of {STEPS}"))
            if not await self._compute(task, plan, place, on_progress):
                return Failed(FailureCode.TIMEOUT, f"not done within {task.stop_after} s.")
        if plan.breaks is not None:
            raise plan.breaks
        if self.clock.now() < self.broken_until:
            return CRASH
        if plan.fails is not None and not (task.is_frugal and plan.fits_frugally):
            return plan.fails
        self.spool.write_results(task.output, dict(plan.results))
        return Produced(tuple((name, "text/markdown") for name in plan.results), {"words": 1})

    async def _compute(
        self, task: Task, plan: Plan, place: FakePlace, on_progress: Callable[[Progress], None]
    ) -> bool:
        """One of the steps; False where the time is over that the task gives."""
        left = plan.takes / STEPS
        while True:
            left -= await self._work(task, left, place, plan)
            if place.step.rung is Rung.HAND_BACK:
                raise YieldedError
            if place.step.rung is Rung.PAUSE:
                left -= await self._reach_safe_point(task, plan)
                await self._wait(place, on_progress)
            elif self._is_late(task, plan):
                return False
            elif left <= 0:
                return True

    async def _work(self, task: Task, left: float, place: FakePlace, plan: Plan) -> float:
        if task.stop_after is not None and plan.safe_point_in < FOREVER:
            stops_at = task.stop_after + plan.safe_point_in
            left = min(left, max(0.0, stops_at - self.computed.get(task.job_id, 0.0)))
        begun = self.clock.now()
        try:
            async with asyncio.timeout(max(0.0, left)):
                while place.step.rung < Rung.PAUSE:
                    await place.news.wait()
        except TimeoutError:
            return self._book(task, left)  # not what a clock says, which may round
        return self._book(task, self.clock.now() - begun)

    def _is_late(self, task: Task, plan: Plan) -> bool:
        return (
            task.stop_after is not None
            and plan.safe_point_in < FOREVER
            and self.computed[task.job_id] >= task.stop_after + plan.safe_point_in
        )

    async def _reach_safe_point(self, task: Task, plan: Plan) -> float:
        await self._sleep(min(plan.safe_point_in, PATIENCE))
        if plan.safe_point_in > PATIENCE:
            raise YieldedError
        return self._book(task, plan.safe_point_in)

    async def _wait(self, place: FakePlace, on_progress: Callable[[Progress], None]) -> None:
        on_progress(Progress(0.0, "paused", is_paused=True))
        place.waits.set()
        place.tell()
        while place.step.rung is Rung.PAUSE:
            await place.news.wait()
        on_progress(Progress(0.0, "goes on"))

    def _book(self, task: Task, seconds: float) -> float:
        self.computed[task.job_id] = self.computed.get(task.job_id, 0.0) + seconds
        return seconds

    async def _sleep(self, seconds: Seconds) -> None:
        await self.clock.sleep_until(Instant(self.clock.now() + seconds))
