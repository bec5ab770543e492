"""The judge. It knows only what went over the wire and what the slots did.

Its laws:
- every accepted submission reaches exactly one terminal state, and never another;
- exactly one result is accepted for a job, under the latest lease that was accepted;
- the bytes of the result are what the input makes of them;
- what was acknowledged survives: jobs, results, cancellations, every byte of an upload;
- nothing is computed before a renewal succeeded, twice at once, or after the lease was lost;
- a job fails only for a reason that the seed gave.
"""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from tests.simulation.call import Call, Reply
from tests.simulation.chronicle import Chronicle
from tests.simulation.faults import Kind
from tests.simulation.holdings import Holdings, resumed_in
from tests.simulation.offsets import Offsets
from tests.simulation.story import JobStory

OK, CONFLICT, NOT_FOUND = 200, 409, 404
SUCCESS = range(200, 300)
SLOW_TO_STOP = 12.0
"""Seconds that a process may go on with a job after it has heard that the lease is lost."""


@dataclass
class Known:
    """What the wire told about one job."""

    job_id: str
    story: JobStory
    leases: list[str] = field(default_factory=list[str])
    latest: str = ""
    """The lease that was accepted or revived last."""
    results: list[str] = field(default_factory=list[str])
    """Leases whose `complete` was accepted."""
    is_cancelled: bool = False


@dataclass(kw_only=True)
class Ledger(Chronicle):
    stories: dict[str, JobStory]
    jobs: dict[str, Known] = field(default_factory=dict[str, Known])
    holdings: Holdings
    offsets: Offsets = field(default_factory=Offsets)
    _by_lease: dict[str, str] = field(default_factory=dict[str, str])
    _held: set[tuple[str, str]] = field(default_factory=set[tuple[str, str]])
    """Process and lease: a renewal, or hello, has said yes."""
    _lost: dict[tuple[str, str], float] = field(default_factory=dict[tuple[str, str], float])
    """Process and lease, and when it heard."""
    _unwanted: dict[tuple[str, str], float] = field(default_factory=dict[tuple[str, str], float])
    """The same of what was cancelled: renewed until its release is heard, but not computed."""

    def _judge(self, wrongs: Iterable[str]) -> None:
        for wrong in wrongs:
            self.blame(wrong)

    # What the wire says.

    def sent(self, call: Call) -> None:
        self._judge(self.holdings.on_sent(call))
        heard = self._lost.get((call.caller, call.lease_id))
        is_work = call.verb in {"renew", "artifacts", "complete"}
        if heard is not None and self.now() - heard > SLOW_TO_STOP and is_work:
            self.blame(f"{call.caller} still says {call.verb} about a lease it has lost")

    def answered(self, call: Call, reply: Reply) -> None:
        self.note("server", f"{call.number} {call.verb} {reply.status} {_code(reply)}".rstrip())
        self.moments.on_answered(call)
        self._judge(self.offsets.on_answer(call, reply))
        self._judge(self.holdings.on_answered(call, reply, _code(reply)))
        if reply.status not in SUCCESS:
            return
        match call.verb:
            case "poll":
                self._on_offer(_json(reply).get("offer"))
            case "hello":
                self._on_resumed(_json(reply)["resuming"])
            case "renew" | "artifacts":
                self._on_accepted(call.lease_id)
            case "complete":
                self._on_result(call.lease_id)
            case "jobs" if call.method == "POST":
                self._on_client(call, _json(reply))

    def delivered(self, call: Call, reply: Reply) -> None:
        self.note(call.caller, f"{call.number} has {reply.status}")
        self.holdings.on_delivered(call, reply, _code(reply))
        if call.verb == "renew" and reply.status == OK:
            self._holds(call.caller, call.lease_id)
            if _json(reply)["state"] != "ok":
                self._unwanted.setdefault((call.caller, call.lease_id), self.now())
        elif call.verb == "hello" and reply.status == OK:
            for lease_id in resumed_in(reply):
                self._holds(call.caller, lease_id)
        elif _is_loss(reply) and call.verb in {"renew", "artifacts", "complete"}:
            self._hears_of_loss(call)

    def _hears_of_loss(self, call: Call) -> None:
        self._lost.setdefault((call.caller, call.lease_id), self.now())
        self._held.discard((call.caller, call.lease_id))

    def spoiled(self, call: Call, kind: Kind) -> None:
        self.note("network", f"{call.number} spoiled: {kind.name}")
        if call.verb == "file":
            self.spoils[call.path.strip("/")] += 1
        elif call.verb == "input":
            job_id = self._by_lease.get(call.lease_id)
            if job_id is not None:
                self.spoils[self.jobs[job_id].story.name] += 1

    def _on_client(self, call: Call, said: Any) -> None:
        if call.path.endswith("/cancel"):
            self.jobs[said["job_id"]].is_cancelled = True
        elif call.path == "/v1/jobs":
            job_id, key = said["job_id"], json.loads(call.body)["idempotency_key"]
            known = self.jobs.setdefault(job_id, Known(job_id, self.stories[key]))
            twins = [one for one in self.jobs.values() if one.story is known.story]
            if len(twins) > 1:
                self.blame(f"{key} was submitted twice under one key")

    def _on_offer(self, offer: Any) -> None:
        if offer is not None:
            # The answer to its submission may have died with the server that wrote it down.
            story, job_id = self.stories[offer["options"]["name"]], offer["job_id"]
            self.jobs.setdefault(job_id, Known(job_id, story)).leases.append(offer["lease_id"])
            self._by_lease[offer["lease_id"]] = job_id

    def _on_resumed(self, lines: Any) -> None:
        for line in lines:
            if line["state"] == "ok":
                job_id = self._by_lease[line["lease_id"]]
                self._by_lease[line["new_lease_id"]] = job_id
                self.jobs[job_id].leases.append(line["new_lease_id"])
                self._on_accepted(line["new_lease_id"])

    def _on_accepted(self, lease_id: str) -> None:
        self._known(lease_id).latest = lease_id

    def _on_result(self, lease_id: str) -> None:
        job = self._known(lease_id)
        if lease_id not in job.results:
            job.results.append(lease_id)
        if len(job.results) > 1:
            self.blame(f"{job.story.name}: results of two leases were accepted")
        if job.latest != lease_id:
            self.blame(f"{job.story.name}: the accepted result is not of the latest lease")

    def _known(self, lease_id: str) -> Known:
        return self.jobs[self._by_lease[lease_id]]

    def _holds(self, process: str, lease_id: str) -> None:
        self._held.add((process, lease_id))

    # What the slots do.

    def computes(self, process: str, job: JobStory) -> None:
        if not self._is_held(process, job):
            self.blame(f"{process} computes {job.name} before a renewal succeeded")
        super().computes(process, job)

    def still_computes(self, process: str, job: JobStory) -> None:
        leases = self._leases_of(job)
        heard = [] if self._is_held(process, job) else _heard(self._lost, process, leases)
        heard += _heard(self._unwanted, process, leases)
        if heard and self.now() - max(heard) > SLOW_TO_STOP:
            self.blame(f"{process} computes {job.name}, which it has lost")

    def _is_held(self, process: str, job: JobStory) -> bool:
        return any((process, lease_id) in self._held for lease_id in self._leases_of(job))

    def _leases_of(self, job: JobStory) -> set[str]:
        known = [one for one in self.jobs.values() if one.story is job]
        return {lease_id for one in known for lease_id in one.leases}


def _heard(when: Mapping[tuple[str, str], float], process: str, leases: set[str]) -> list[float]:
    return [at for (who, lease), at in when.items() if who == process and lease in leases]


def _json(reply: Reply) -> Any:
    return json.loads(reply.body)


def _code(reply: Reply) -> str:
    if reply.header("content-type") != "application/problem+json" or not reply.body:
        return ""
    said = _json(reply)
    return f"{said['code']}{':' + said['reason'] if said.get('reason') else ''}"


def _is_loss(reply: Reply) -> bool:
    if reply.status not in {CONFLICT, NOT_FOUND}:
        return False
    code = _code(reply)
    return code.startswith(("lease_lost", "unknown_lease")) and not code.endswith("completed")
