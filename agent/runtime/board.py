"""What the loops know of one another: the held jobs, and why nothing new is taken."""

import asyncio
from collections.abc import Callable, Mapping

from agent.core.breaker import Breaker
from agent.core.verdict import Drop, Fail, Release, StopAgent
from agent.model.ids import Instant, LeaseId
from agent.model.lease import Directive, LostReason
from agent.model.restraint import Restraint
from agent.runtime.job import HeldJob
from agent.runtime.settlement import Delivered, Ending, Kept, Settlement
from agent.runtime.tools import MOST_FAILURES


class Board:
    """Whoever changes it says so; whoever waits for a change hears it."""

    def __init__(self, now: Instant, most_failures: int = MOST_FAILURES) -> None:
        self._jobs: dict[LeaseId, HeldJob] = {}
        self._paused: str | None = None
        self._restraints: dict[str, Restraint] = {}
        self._changed = asyncio.Event()
        self.breaker = Breaker(most_failures=most_failures)
        self.taken = 0
        """Jobs that were ever taken in this run."""
        self.idle_since = now
        self.kept: list[LeaseId] = []
        """Leases whose finished results stay behind."""

    @property
    def jobs(self) -> tuple[HeldJob, ...]:
        return tuple(self._jobs.values())

    @property
    def paused(self) -> str | None:
        return self._paused

    @property
    def restraints(self) -> Mapping[str, Restraint]:
        """What keeps the box from working, by who says so."""
        return self._restraints

    def restrain(self, source: str, restraint: Restraint | None) -> None:
        """What `source` has to say replaces what it said before; None: nothing any more."""
        before = self._restraints.get(source)
        if restraint is None:
            self._restraints.pop(source, None)
        else:
            self._restraints[source] = restraint
        if restraint != before:
            self.tell()

    @property
    def unsettled(self) -> int:
        """Jobs of which the breaker does not know yet whether the box can compute them."""
        return sum(
            job.needs_slot or isinstance(job.settlement, Fail | Release)
            for job in self._jobs.values()
        )

    def holds(self, lease_id: LeaseId) -> bool:
        return lease_id in self._jobs

    def take(self, job: HeldJob) -> None:
        self._jobs[job.lease_id] = job
        self.taken += 1
        self.tell()

    def give_up(self, job: HeldJob, ending: Ending, now: Instant) -> None:
        del self._jobs[job.lease_id]
        if not job.is_accepted:
            self.taken -= 1  # Only an offer: it was never ours.
        if ending is Ending.KEPT:
            self.kept.append(job.lease_id)
        if not self._jobs:
            self.idle_since = now
        self.tell()

    def on_settled(self, settlement: Settlement | None, now: Instant) -> None:
        """How a job ended says something about the box."""
        match settlement:
            case Delivered() | Drop(LostReason.COMPLETED):
                self.breaker.on_completed()
            case Fail(code, message):
                self.breaker.on_failed(code, message, now)
            case Release(reason, is_box_fault=True):
                self.breaker.on_box_fault(reason, now)
            case Release() | Drop() | Kept() | StopAgent() | None:
                return
        self.tell()

    def on_directive(self, directive: Directive, reason: str | None) -> None:
        """`pause` holds until `continue`."""
        paused = None
        if directive is Directive.PAUSE:
            paused = f"paused by the server{': ' + reason if reason else ''}"
        elif directive is not Directive.CONTINUE:
            paused = self._paused
        if paused != self._paused:
            self._paused = paused
            self.tell()

    def tell(self) -> None:
        """Something changed that a poll in progress does not know."""
        self._changed.set()

    async def change(self) -> None:
        await self._changed.wait()

    async def until(self, is_so: Callable[[], bool]) -> None:
        """Wait for a change after which it is so."""
        while not is_so():
            self.seen()
            await self.change()

    def seen(self) -> None:
        """The changes until now are known."""
        self._changed.clear()
