"""Runs one task, and once more with less memory where that ran out."""

from collections.abc import Awaitable, Callable
from dataclasses import replace

import structlog

from agent.model.failures import FailureCode
from agent.model.work import Failed, Outcome, Progress, Task
from agent.ports import Pool

_log = structlog.get_logger(__name__)


async def compute(
    task: Task,
    pool: Pool,
    on_progress: Callable[[Progress], None],
    fresh: Callable[[], Awaitable[str]],
) -> Outcome:
    """What `task` gives. `fresh` makes an empty folder for the results of a second try."""
    outcome = await pool.run(task, on_progress)
    if not isinstance(outcome, Failed) or outcome.code is not FailureCode.OUT_OF_MEMORY:
        return outcome
    _log.warning("task.retried", reason=outcome.message)
    return await pool.run(replace(task, output=await fresh(), is_frugal=True), on_progress)
