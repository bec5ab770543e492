"""Tells the server how a job ended, until it is heard."""

from collections.abc import Awaitable, Callable, Mapping

import structlog

from agent.core.verdict import Drop, Fail, Release, StopAgent
from agent.model.errors import NewerBootError, RequestRefusedError
from agent.model.held import Finished
from agent.model.ids import JsonObject, LeaseId
from agent.model.lease import LostReason
from agent.ports import Result
from agent.runtime.patience import patiently
from agent.runtime.race import INTERRUPTED, first_of
from agent.runtime.settlement import Delivered, Ending, Kept, Settlement, Stop
from agent.runtime.tools import Tools

_log = structlog.get_logger(__name__)


class Reporter:
    def __init__(self, lease_id: LeaseId, tools: Tools, stop: Stop) -> None:
        self._lease_id = lease_id
        self._tools = tools
        self._stop = stop

    async def tell(self, settlement: Settlement) -> Ending:
        """Raises `NewerBootError` when the settlement is that the whole agent has to stop."""
        server = self._tools.server
        match settlement:
            case Delivered(count):
                _log.info("job.completed", artifacts=count)
                return Ending.COMPLETED
            case Kept():
                return Ending.KEPT
            case Fail(code, message, detail):
                _log.warning("job.failed", code=code.value, message=message)
                failed = self._say(lambda: server.fail(self._lease_id, code, message, detail))
                return Ending.FAILED if await failed else Ending.UNHEARD
            case Release(reason, retry_after):
                _log.info("job.released", reason=reason)
                told = self._say(lambda: server.release(self._lease_id, reason, retry_after))
                return Ending.RELEASED if await told else Ending.UNHEARD
            case Drop(reason):
                return ending_of(reason)
            case StopAgent(reason):
                raise NewerBootError(reason, boot_seq=None)

    async def _say(self, call: Callable[[], Awaitable[None]]) -> bool:
        """Say it until it is heard; False if an agent that is leaving had no more time for that."""
        clock, tools = self._tools.clock, self._tools
        try:
            told = await first_of(
                patiently(call, what="report", clock=clock, backoff=tools.delivery_backoff),
                self._stop.patience_ends(clock.now, clock.sleep_until),
            )
        except RequestRefusedError as error:
            # A bug on one of the two sides: the lease runs out, and the other jobs go on.
            _log.error("report.refused", reason=str(error))
            return True
        return told is not INTERRUPTED


def result_of(finished: Finished, spent: Mapping[str, float]) -> Result:
    """What `complete` tells; `spent` are the seconds in each phase since this start."""
    metrics: JsonObject = {**spent, **finished.spent}
    if "upload_s" in spent:
        metrics["upload_s"] = spent["upload_s"]
    return Result(manifest=finished.manifest, summary=finished.summary, metrics=metrics)


def ending_of(reason: LostReason) -> Ending:
    """What a lease that is no longer ours means for its job."""
    # A completed lease of our own: the answer to `complete` was lost, the result was not.
    ending = Ending.COMPLETED if reason is LostReason.COMPLETED else Ending.LOST
    _log.warning("lease.lost", reason=reason.value, ending=ending.value)
    return ending
