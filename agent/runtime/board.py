"""What the loops know of one another: the held jobs, and why nothing new is taken."""

import asyncio
from collections import Counter
from collections.abc import Callable, Mapping

from agent.core.breaker import Breaker
from agent.core.verdict import Drop, Fail, Release, StopAgent
from agent.model.ids import Instant, LeaseId
from agent.model.lease import Directive, LostReason
from agent.model.restraint import Restraint, Rung
from agent.runtime.job import HeldJob
from agent.runtime.settlement import Delivered, Ending, Kept, Settlement
from agent.runtime.tools import MOST_FAILURES

SERVER = "server"
"""The source of its own directives."""


class Board:
    """Whoever changes it says so; whoever waits for a change hears it."""

    def __init__(self, now: Instant, most_failures: int = MOST_FAILURES) -> None:
        self._jobs: dict[LeaseId, HeldJob] = {}
        self._restraints: dict[str, Restraint] = {}
        self._changed = asyncio.Event()
        self.breaker = Breaker(most_failures=most_failures)
        self.taken = 0
        """Jobs that were ever taken in this run."""
        self.idle_since = now
        self.kept: list[LeaseId] = []
        """Leases whose finished results stay behind."""
        self.ended: Counter[Ending] = Counter()
        """How the jobs of this run ended."""

    @property
    def jobs(self) -> tuple[HeldJob, ...]:
        return tuple(self._jobs.values())

    @property
    def restraints(self) -> Mapping[str, Restraint]:
        """By source, those whose time is over included."""
        return self._restraints

    def restrain(self, source: str, restraint: Restraint | None) -> None:
        """What this source asks for from now on; None: nothing.

        It counts until its own `until`, or until the source says otherwise.
        """
        if restraint is not None and restraint.rung is Rung.WORK:
            restraint = None
        if restraint == self._restraints.get(source):
            return
        if restraint is None:
            del self._restraints[source]
        else:
            self._restraints[source] = restraint
        self.tell()

    def in_force(self, now: Instant) -> tuple[tuple[str, Restraint], ...]:
        """Each with its source, the highest rung first."""
        # A copy, in one step: the watch port reads this from a thread of its own.
        standing = [
            (source, restraint)
            for source, restraint in self._restraints.copy().items()
            if restraint.until is None or now < restraint.until
        ]
        return tuple(sorted(standing, key=lambda one: -one[1].rung))

    def next_end(self, now: Instant) -> Instant | None:
        """When the first restraint in force ends by itself."""
        ends = [one.until for _, one in self.in_force(now) if one.until is not None]
        return min(ends, default=None)

    @property
    def unsettled(self) -> int:
        """Jobs of which the breaker does not know yet whether the box can compute them."""
        return sum(
            job.needs_slot or isinstance(job.settlement, Fail | Release)
            for job in self._jobs.values()
        )

    @property
    def is_computing(self) -> bool:
        """Some job is just now, on a GPU or not."""
        return any(job.has_slot and not job.is_paused for job in self._jobs.values())

    def holds(self, lease_id: LeaseId) -> bool:
        return lease_id in self._jobs

    def take(self, job: HeldJob) -> None:
        self._jobs[job.lease_id] = job
        self.taken += 1
        self.tell()

    def give_up(self, job: HeldJob, ending: Ending, now: Instant) -> None:
        del self._jobs[job.lease_id]
        if job.is_accepted:
            self.ended[ending] += 1
        else:
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
        if directive is Directive.PAUSE:
            why = f"paused by the server{': ' + reason if reason else ''}"
            self.restrain(SERVER, Restraint(rung=Rung.TAKE_NOTHING, why=why))
        elif directive is Directive.CONTINUE:
            self.restrain(SERVER, None)

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
