"""Who counts what the agent does."""

from typing import Protocol

from agent.model.ids import Bytes, JobId, Seconds
from agent.model.lease import Stage


class Observer(Protocol):
    """All methods return at once, and none raises: no job ever waits for its account."""

    def job_taken(self, job_id: JobId, content_type: str, stage: Stage) -> None:
        """The lease is accepted, by this start for the first time; `stage` is where it goes on."""
        ...

    def job_moved(self, job_id: JobId, stage: Stage) -> None: ...

    def job_paused(self, job_id: JobId) -> None:
        """It waits in the middle of its stage, until it goes on or moves."""
        ...

    def job_went_on(self, job_id: JobId) -> None: ...

    def job_ended(self, job_id: JobId, ending: str, size: Bytes | None = None) -> None:
        """`ending` is one of the runtime's words; `size` is the whole result's, where there is one.

        Also told of jobs that were never taken: offers, and what an earlier start had left.
        """
        ...

    def call_ended(self, call: str, outcome: str, detail: str = "") -> None:
        """A call to the server: `poll`, `renew` and so on, in a word how it went, and why.

        `unavailable` is the word where no usable answer came.
        """
        ...

    def ticked(self, lag: Seconds) -> None:
        """The event loop came round, that much later than was planned."""
        ...


class Unobserved:
    """Nobody counts."""

    def job_taken(self, job_id: JobId, content_type: str, stage: Stage) -> None: ...

    def job_moved(self, job_id: JobId, stage: Stage) -> None: ...

    def job_paused(self, job_id: JobId) -> None: ...

    def job_went_on(self, job_id: JobId) -> None: ...

    def job_ended(self, job_id: JobId, ending: str, size: Bytes | None = None) -> None: ...

    def call_ended(self, call: str, outcome: str, detail: str = "") -> None: ...

    def ticked(self, lag: Seconds) -> None: ...
