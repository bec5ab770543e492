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
from dataclasses import dataclass, field

from tests.simulation.call import Call, Reply
from tests.simulation.chronicle import Chronicle
from tests.simulation.faults import Kind
from tests.simulation.story import Blow

OK = 200
BLOWS = tuple(f"{blow.name} for" for blow in Blow)
LONG_AGO = 10.0
SLOWEST_ANSWER = 120.0


@dataclass(kw_only=True)
class MoragLedger(Chronicle):
    write: float
    """The longest that a note of a job takes to reach the disk."""
    heard: dict[str, tuple[str, float]] = field(default_factory=dict[str, tuple[str, float]])
    """Jobs whose poll was answered to the end: who has it, and since when."""
    given: dict[str, tuple[int, float]] = field(default_factory=dict[str, tuple[int, float]])
    """By job: the question that it was the answer to, and when."""
    _dead: dict[str, float] = field(default_factory=dict[str, float])
    """Processes that are over, and since when: what still reaches them reaches nobody."""
    _asked_by: dict[int, tuple[str, float]] = field(default_factory=dict[int, tuple[str, float]])

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

    def spoiled(self, call: Call, kind: Kind) -> None:
        self.note(call.caller, f"{call.number} is spoiled: {kind.name}")
        self.spoils[call.remote_job] += 1

    # What the slots do.

    def ended(self, process: str) -> None:
        super().ended(process)
        self._dead[process] = self.now()
        # What it had heard of a moment ago was perhaps not yet on its disk.
        for job_id, (who, since) in list(self.heard.items()):
            if who == process and self.now() - since <= self.write:
                del self.heard[job_id]
