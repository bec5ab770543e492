"""Bytes of inputs and results as they move, repeated ones too, each put down to its job.

The job is the one that the log lines of the same task name: whoever works for a job works in its
context, so no address and no call has to carry it.
"""

from collections import defaultdict
from collections.abc import Callable

from agent.model.ids import Bytes, JobId


class JobTraffic:
    """What this process has received and sent."""

    def __init__(self, job: Callable[[], JobId | None] | None = None) -> None:
        self.received = Bytes(0)
        self.sent = Bytes(0)
        self._job = job or job_of_this_task
        self._of: defaultdict[JobId, list[Bytes]] = defaultdict(_nothing)

    def on_received(self, size: int) -> None:
        self.received = Bytes(self.received + size)
        self._put_down(Bytes(size), Bytes(0))

    def on_sent(self, size: int) -> None:
        self.sent = Bytes(self.sent + size)
        self._put_down(Bytes(0), Bytes(size))

    def take(self, job_id: JobId) -> tuple[Bytes, Bytes]:
        """What moved in and out for this job since it was last taken."""
        received, sent = self._of.pop(job_id, _nothing())
        return received, sent

    def _put_down(self, received: Bytes, sent: Bytes) -> None:
        job_id = self._job()
        if job_id is not None:
            moved = self._of[job_id]
            moved[0], moved[1] = Bytes(moved[0] + received), Bytes(moved[1] + sent)


def nobody() -> None:
    """For whoever has no jobs."""


def job_of_this_task() -> JobId | None:
    from structlog.contextvars import get_contextvars

    found = get_contextvars().get("job_id")
    return JobId(found) if isinstance(found, str) else None


def _nothing() -> list[Bytes]:
    return [Bytes(0), Bytes(0)]
