"""Children that take virtual time; how each task goes is data."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from agent.model.failures import FailureCode
from agent.model.ids import Instant, JobId, Seconds
from agent.model.work import Failed, Outcome, Produced, Progress, Returned, Task
from agent.ports import Clock
from tests.fakes.spool import FakeSpool

AT_ONCE, SHORT, FOREVER = Seconds(0.0), Seconds(10.0), Seconds(365 * 86400.0)
STEPS = 4
RESULTS = {"result.md": b"# Done\n"}


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


HANGS = Plan(takes=FOREVER)
CRASH = Failed(FailureCode.WORKER_CRASHED, "the worker crashed (SIGSEGV).")
CRASHES = Plan(fails=CRASH)


@dataclass
class FakePool:
    clock: Clock
    spool: FakeSpool
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

    async def run(self, task: Task, on_progress: Callable[[Progress], None]) -> Outcome:
        self.tasks.append(task)
        self.started_at.setdefault(task.job_id, []).append(self.clock.now())
        self.running += 1
        self.most_running = max(self.most_running, self.running)
        is_done = False
        plan = self.plans.get(task.job_id, Plan())
        try:
            outcome = await self._run(task, plan, on_progress)
            is_done = True
        finally:
            if not is_done and plan.breaks is None:
                await self._sleep(plan.dies_in)
                self.killed.append((self.clock.now(), task.job_id))
            self.running -= 1
        return outcome

    async def rest(self) -> None:
        self.rests_at.append(self.clock.now())

    async def probe(self) -> str | None:
        self.probes_at.append(self.clock.now())
        return "no GPU" if self.clock.now() < self.no_child_until else None

    async def _run(
        self, task: Task, plan: Plan, on_progress: Callable[[Progress], None]
    ) -> Outcome:
        for step in range(STEPS):
            on_progress(Progress(step / STEPS, f"step {step + 1} of {STEPS}"))
            await self._sleep(Seconds(plan.takes / STEPS))
        if plan.breaks is not None:
            raise plan.breaks
        if self.clock.now() < self.broken_until:
            return CRASH
        if plan.fails is not None and not (task.is_frugal and plan.fits_frugally):
            return plan.fails
        self.spool.write_results(task.output, dict(plan.results))
        return Produced(tuple((name, "text/markdown") for name in plan.results), {"words": 1})

    async def _sleep(self, seconds: Seconds) -> None:
        await self.clock.sleep_until(Instant(self.clock.now() + seconds))
