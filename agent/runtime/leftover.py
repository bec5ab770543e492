"""A job that hello called lost, though the spool still holds it: what becomes of its files."""

import structlog
from structlog.contextvars import bound_contextvars

from agent.model.errors import LeaseLostError, NewerBootError, ServerError
from agent.model.held import Finished
from agent.model.ids import LeaseId
from agent.ports import JobFolder
from agent.runtime.folders import leave
from agent.runtime.patience import patiently
from agent.runtime.report import ending_of, result_of
from agent.runtime.settlement import Ending
from agent.runtime.tools import Tools

_log = structlog.get_logger(__name__)


async def part_with(folder: JobFolder, tools: Tools) -> None:
    """Drop it; a finished result is kept for the retention time unless it had been delivered."""
    offer, finished = folder.journal.offer, folder.journal.finished
    with bound_contextvars(job_id=offer.job_id, lease_id=offer.lease_id):
        ending = Ending.LOST if finished is None else await _asked(offer.lease_id, finished, tools)
        _log.warning("job.lost", ending=ending.value, was_finished=finished is not None)
        tools.observer.job_ended(offer.job_id, ending.value)
        await leave(folder, ending)


async def _asked(lease_id: LeaseId, finished: Finished, tools: Tools) -> Ending:
    """Say `complete` once more: that alone tells whether an earlier start was heard.

    Said under a lease that is over it changes nothing; said again after it was heard it is the
    same as before (protocol, section 7).
    """
    try:
        await patiently(
            lambda: tools.server.complete(lease_id, result_of(finished, {})),
            what="report",
            clock=tools.clock,
            backoff=tools.delivery_backoff,
        )
    except LeaseLostError as error:
        return ending_of(error.reason)
    except NewerBootError:
        raise
    except ServerError:
        return Ending.LOST
    return Ending.COMPLETED
