"""Runs one task, and once more with less memory where that ran out."""

from collections.abc import Awaitable, Callable
from dataclasses import replace

import structlog

from agent.model.failures import FailureCode
from agent.model.ids import Seconds
from agent.model.work import Failed, Outcome, Progress, Task
from agent.ports import Pool

_log = structlog.get_logger(__name__)


async def compute(
    task: Task,
    pool: Pool,
    on_progress: Callable[[Progress], None],
    fresh: Callable[[], Awaitable[str]],
    stop_after: Callable[[], Seconds | None] = lambda: None,
) -> Outcome:
    """What `task` gives. `fresh` makes an empty folder for the results of a second try.

    `stop_after` is asked before each try how long that one may take.
    """
    outcome = await pool.run(replace(task, stop_after=stop_after()), on_progress)
    if not isinstance(outcome, Failed) or outcome.code is not FailureCode.OUT_OF_MEMORY:
        return outcome
    _log.warning("task.retried", reason=outcome.message)
    again = replace(task, output=await fresh(), is_frugal=True, stop_after=stop_after())
    return await pool.run(again, on_progress)
