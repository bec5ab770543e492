"""The judge of a server without leases. It knows what went over the wire, and what the slots did.

Its laws:
- every job ends, and no result is ingested twice;
- what is ingested is what the input makes;
- no job is called failed without a reason that the seed gave, none after it was completed;
- no process computes a job twice at once, or more than its slots allow.

One thing nobody can make good: the answer to a poll that is lost on its way, for the server has
given the job away and will not say so again. Such a job may be stuck, and no other.
"""

import json
import re
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from tests.simulation.call import Call, Reply
from tests.simulation.faults import Kind
from tests.simulation.moments import Moments
from tests.simulation.story import Blow, JobStory

OK = 200
_FOLDER = re.compile(r"/\S*simulation-\w+")
BLOWS = tuple(f"{blow.name} for" for blow in Blow)
LONG_AGO = 10.0
SLOWEST_ANSWER = 120.0
BUGS = frozenset({"call.broken", "job.broke", "loop.broken"})


@dataclass
class MoragLedger:
    now: Callable[[], float]
    slots: dict[str, int]
    write: float
    """The longest that a note of a job takes to reach the disk."""
    trace: list[tuple[float, str, str]] = field(default_factory=list[tuple[float, str, str]])
    wrongs: list[str] = field(default_factory=list[str])
    moments: Moments = field(default_factory=Moments)
    spoils: Counter[str] = field(default_factory=Counter[str])
    """Downloads that something on the way altered, by job."""
    heard: dict[str, tuple[str, float]] = field(default_factory=dict[str, tuple[str, float]])
    """Jobs whose poll was answered to the end: who has it, and since when."""
    given: dict[str, tuple[int, float]] = field(default_factory=dict[str, tuple[int, float]])
    """By job: the question that it was the answer to, and when."""
    computed: Counter[str] = field(default_factory=Counter[str])
    """How often each job was begun."""
    _dead: dict[str, float] = field(default_factory=dict[str, float])
    """Processes that are over, and since when: what still reaches them reaches nobody."""
    _asked_by: dict[int, tuple[str, float]] = field(default_factory=dict[int, tuple[str, float]])
    _computing: Counter[tuple[str, str]] = field(default_factory=Counter[tuple[str, str]])

    def note(self, who: str, what: str) -> None:
        self.trace.append((round(self.now(), 6), who, what))

    def blame(self, what: str) -> None:
        self.note("LEDGER", what)
        self.wrongs.append(f"{self.now():.3f}: {what}")

    def logged(self, _level: str, event: Mapping[str, Any]) -> None:
        said = " ".join(f"{key}={value}" for key, value in sorted(event.items()) if key != "event")
        said = _FOLDER.sub("", said)
        self.note("log", f"{event['event']} {said}")
        if event["event"] in BUGS:
            self.blame(f"a bug: {event['event']} {said}")

    def was_lost_on_the_way(self, job_id: str) -> bool:
        _, since = self.given.get(job_id, (0, 0.0))
        return job_id not in self.heard and self.now() - since > SLOWEST_ANSWER

    def was_given_up(self, job_id: str) -> bool:
        """Nobody was hit, and who asked for it did not wait for the answer."""
        if job_id in self.heard or job_id not in self.given:
            return False
        number, at = self.given[job_id]
        caller, asked_at = self._asked_by.get(number, ("", at))
        if self._dead.get(caller, at) < at:
            return False
        since, until = asked_at - LONG_AGO, at + LONG_AGO
        near = [what for when, _, what in self.trace if since < when < until]
        return not any(what.startswith(BLOWS) for what in near)

    def question_for(self, job_id: str) -> int | None:
        return self.given[job_id][0] if job_id in self.given else None

    # What the wire says.

    def sent(self, call: Call) -> None:
        self._asked_by[call.number] = call.caller, self.now()

    def answered(self, call: Call, reply: Reply) -> None:
        self.note("server", f"{call.number} {call.verb} {reply.status}")
        self.moments.on_answered(call)
        if call.verb == "poll" and (job_id := json.loads(reply.body)["job_id"]) is not None:
            self.given[job_id] = call.number, self.now()

    def delivered(self, call: Call, reply: Reply) -> None:
        self.note(call.caller, f"{call.number} has {reply.status}")
        if call.verb == "poll" and reply.status == OK and call.caller not in self._dead:
            job_id = json.loads(reply.body)["job_id"]
            if job_id is not None:
                self.heard[job_id] = call.caller, self.now()

    def torn(self, call: Call) -> None:
        if call.is_download:
            self.moments.on_torn(call)

    def spoiled(self, call: Call, kind: Kind) -> None:
        self.note(call.caller, f"{call.number} is spoiled: {kind.name}")
        self.spoils[call.remote_job] += 1

    # What the slots do.

    def computes(self, process: str, job: JobStory) -> None:
        self.note(process, f"computes {job.name}")
        self.computed[job.name] += 1
        self._computing[process, job.name] += 1
        if self._computing[process, job.name] > 1:
            self.blame(f"{process} computes {job.name} twice at once")
        busy = sum(n for (who, _), n in self._computing.items() if who == process)
        if busy > self.slots[process.partition("/")[0]]:
            self.blame(f"{process} computes more than its slots allow")

    def still_computes(self, process: str, job: JobStory) -> None:
        """There is no lease that it could have lost."""

    def stopped(self, process: str, job: JobStory) -> None:
        if self._computing[process, job.name]:
            self._computing[process, job.name] -= 1

    def ended(self, process: str) -> None:
        self.note(process, "ends")
        self._dead[process] = self.now()
        for key in [key for key in self._computing if key[0] == process]:
            del self._computing[key]
        # What it had heard of a moment ago was perhaps not yet on its disk.
        for job_id, (who, since) in list(self.heard.items()):
            if who == process and self.now() - since <= self.write:
                del self.heard[job_id]

    def still_computing(self) -> list[str]:
        return [f"{who} {name}" for (who, name), count in self._computing.items() if count]
