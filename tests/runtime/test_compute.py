import pytest

from agent.model.failures import FailureCode
from agent.model.ids import JobId, Seconds
from agent.model.work import Failed, Outcome, Produced, Progress, Task
from agent.runtime.compute import compute
from tests.fakes.pool import CRASHES, Plan
from tests.runtime.conftest import Lines
from tests.runtime.world import World, offer_of

FULL = Failed(FailureCode.OUT_OF_MEMORY, "Memory ran out during the task.")
TASK = Task(
    job_id=JobId("j1"),
    content_type="audio",
    input="lease-1/input",
    filename="a.mp3",
    media_type=None,
    output="lease-1/results",
    options={},
)


async def computed(world: World, plan: Plan) -> Outcome:
    await world.spool.open_job(offer_of())
    world.pool.plans[TASK.job_id] = plan

    async def fresh() -> str:
        return "lease-1/fresh"

    return await compute(TASK, world.pool, ignore, fresh)


def ignore(_progress: Progress) -> None:
    """Nobody watches."""


def tries(world: World) -> list[tuple[str, bool]]:
    return [(task.output, task.is_frugal) for task in world.pool.tasks]


async def test_a_task_that_runs_out_of_memory_is_tried_once_more_with_less(
    world: World, lines: Lines
) -> None:
    outcome = await computed(world, Plan(fails=FULL, fits_frugally=True))

    assert isinstance(outcome, Produced)
    assert tries(world) == [("lease-1/results", False), ("lease-1/fresh", True)]
    assert [line["reason"] for line in lines if line["event"] == "task.retried"] == [FULL.message]


async def test_a_second_time_is_the_end(world: World) -> None:
    assert await computed(world, Plan(fails=FULL)) == FULL
    assert len(world.pool.tasks) == 2


@pytest.mark.parametrize("plan", [Plan(takes=Seconds(1.0)), CRASHES])
async def test_everything_else_is_tried_once(world: World, plan: Plan) -> None:
    await computed(world, plan)

    assert tries(world) == [("lease-1/results", False)]
