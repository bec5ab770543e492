"""Who holds what, as both sides said it: an agent keeps to its leases, a server to its word.

Laws of the agent:
- while it holds a lease it renews it, until the end of the job was heard or the lease was lost;
- a later start of it tells of everything that an earlier one held;
- a finished result is never handed back.

Laws of the server:
- nobody loses a lease before its time, and its time does not run while the server is down;
- a lease that nobody else has taken can be resumed;
- an agent whose result was accepted is never told that the lease is lost;
- an agent is not offered a second job before it has answered to the first.
"""

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

from tests.simulation.call import Call, Reply

OK = 200
SUCCESS = range(200, 300)
RENEWED_WITHIN = 75.0
"""A try may hang for 30 s, and the next comes 30 s later at most."""
LEASE_LASTS = 80.0
"""Seconds of the server's that a lease lasts at least, slow disks considered."""
ROUNDING = 2.0
ENDINGS = frozenset({"complete", "fail", "release"})


@dataclass
class Holding:
    """One accepted lease of one process."""

    process: str
    lease_id: str
    job_id: str
    renewed_at: float
    """When it was last said, by the clock of the agent's machine."""
    has_uploaded: bool = False
    is_over: bool = False
    """The process has heard how it ended."""


@dataclass
class Grant:
    """One lease as the server sees it."""

    job_id: str
    agent: str
    stands_until: float = 0.0
    """As an offer. By the server's time, which stands still while it is down."""
    contact_at: float = 0.0
    """The same time."""
    is_accepted: bool = False
    is_over: bool = False


@dataclass
class Holdings:
    machine_time: Callable[[str], float]
    uptime: Callable[[], float]
    holdings: dict[tuple[str, str], Holding] = field(default_factory=dict[tuple[str, str], Holding])
    grants: dict[str, Grant] = field(default_factory=dict[str, Grant])
    ended: set[str] = field(default_factory=set[str])
    """Jobs that are over: cancelled, failed, completed."""
    results: set[str] = field(default_factory=set[str])
    """Leases under which a result was accepted."""

    def on_sent(self, call: Call) -> Iterator[str]:
        """The caller begins to speak."""
        if call.path.endswith("/cancel"):
            self.ended.add(call.path.split("/")[3])
        agent = call.caller.partition("/")[0]
        mine = [one for one in self.holdings.values() if one.process == call.caller]
        now = self.machine_time(call.caller)
        held = self.holdings.get((call.caller, call.lease_id))
        if held is not None and call.verb == "renew":
            held.renewed_at = now
        for one in mine:
            if not one.is_over and now - one.renewed_at > RENEWED_WITHIN:
                one.is_over = True
                yield f"{call.caller} has not renewed {one.lease_id} for {now - one.renewed_at:g} s"
        if held is not None and call.verb == "artifacts":
            held.has_uploaded = True
        is_wanted = held is not None and held.job_id not in self.ended
        if held is not None and call.verb == "release" and held.has_uploaded and is_wanted:
            yield f"{call.caller} hands a finished result back"
        if call.verb == "hello":
            yield from self._on_hello_sent(agent, call)

    def _on_hello_sent(self, agent: str, call: Call) -> Iterator[str]:
        named = {line["lease_id"] for line in json.loads(call.body)["resuming"]}
        jobs = {self.grants[lease].job_id for lease in named if lease in self.grants}
        for one in self.holdings.values():
            is_earlier = one.process.partition("/")[0] == agent and one.process != call.caller
            if is_earlier and not one.is_over:
                if one.job_id not in jobs and not self.grants[one.lease_id].is_over:
                    yield f"{call.caller} knows nothing of {one.lease_id}"
                one.is_over = True

    def on_answered(self, call: Call, reply: Reply, code: str) -> Iterator[str]:
        """The server has said it."""
        grant = self.grants.get(call.lease_id)
        is_lost = code.startswith(("lease_lost", "unknown_lease"))
        if is_lost and call.lease_id in self.results and not code.endswith("completed"):
            yield f"{call.lease_id} brought the result, and is told {code}"
        if is_lost and grant is not None:
            grant.is_over = True
        if reply.status not in SUCCESS:
            return
        if grant is not None:
            yield from self._on_word(call, grant)
        match call.verb:
            case "poll":
                yield from self._on_offer(call, json.loads(reply.body).get("offer"))
            case "hello":
                yield from self._on_hello(call, json.loads(reply.body)["resuming"])
            case "sign_off":
                self._on_sign_off(call)
            case _:
                pass

    def _on_word(self, call: Call, grant: Grant) -> Iterator[str]:
        """Something about a lease was granted."""
        if call.verb in {"renew", "artifacts"}:
            yield from self._on_contact(call, grant)
        if call.verb in ENDINGS:
            grant.is_over = True
        if call.verb == "complete":
            self.results.add(call.lease_id)
            self.ended.add(grant.job_id)

    def _on_contact(self, call: Call, grant: Grant) -> Iterator[str]:
        now, lease_id = self.uptime(), call.lease_id
        if call.verb == "renew":  # An upload prolongs only what had run out.
            grant.contact_at = now
        grant.is_accepted, grant.is_over = True, False
        for other_id, other in self.grants.items():
            if other_id == lease_id or other.job_id != grant.job_id or other.is_over:
                continue
            if other.is_accepted and now - other.contact_at < LEASE_LASTS:
                yield f"{other_id} was taken away {now - other.contact_at:g} s after a renewal"
            other.is_over = True

    def _on_offer(self, call: Call, offer: Any) -> Iterator[str]:
        if offer is None:
            return
        agent, now = call.caller.partition("/")[0], self.uptime()
        lease_id = offer["lease_id"]
        for other_id, other in self.grants.items():
            is_open = not other.is_accepted and not other.is_over and other.agent == call.caller
            if is_open and other_id != lease_id and now < other.stands_until:
                yield f"{agent} was offered {lease_id} while {other_id} stands"
        grant = self.grants.setdefault(lease_id, Grant(offer["job_id"], call.caller))
        grant.stands_until = now + offer["offer_ttl_s"] - ROUNDING

    def _on_hello(self, call: Call, lines: Any) -> Iterator[str]:
        agent = call.caller.partition("/")[0]
        for line in lines:
            old = self.grants.get(line["lease_id"])
            if old is None:
                continue
            if line["state"] == "ok":
                if line["new_lease_id"] not in self.grants:
                    now = self.uptime()
                    self.grants[line["new_lease_id"]] = Grant(
                        old.job_id, call.caller, contact_at=now, is_accepted=True
                    )
            elif not old.is_over and old.is_accepted and old.job_id not in self.ended:
                yield f"{line['lease_id']} could have been resumed, and is called lost"
        for grant in self.grants.values():
            if grant.agent.partition("/")[0] == agent and grant.agent != call.caller:
                grant.is_over = True

    def _on_sign_off(self, call: Call) -> None:
        kept = json.loads(call.body)["keep"] if call.body else []
        for lease_id, grant in self.grants.items():
            if grant.agent == call.caller and lease_id not in kept:
                grant.is_over = True

    def on_delivered(self, call: Call, reply: Reply, code: str) -> None:
        """The caller has heard it."""
        if reply.status in SUCCESS:
            self._on_heard(call, reply)
        held = self.holdings.get((call.caller, call.lease_id))
        if held is not None and code.startswith(("lease_lost", "unknown_lease", "newer_boot")):
            held.is_over = True

    def _on_heard(self, call: Call, reply: Reply) -> None:
        match call.verb:
            case "renew":
                self._hold(call.caller, call.lease_id)
                if json.loads(reply.body)["state"] != "ok":
                    self.ended.add(self.grants[call.lease_id].job_id)
            case "hello":
                for lease_id in resumed_in(reply):
                    self._hold(call.caller, lease_id)
            case "sign_off" | "complete" | "fail" | "release":
                for one in self.holdings.values():
                    is_it = call.lease_id in {"", one.lease_id}
                    one.is_over |= one.process == call.caller and is_it
            case _:
                pass

    def _hold(self, process: str, lease_id: str) -> None:
        if (process, lease_id) not in self.holdings and lease_id in self.grants:
            grant = self.grants[lease_id]
            self.holdings[process, lease_id] = Holding(
                process, lease_id, grant.job_id, self.machine_time(process)
            )


def resumed_in(reply: Reply) -> list[str]:
    """The leases under which hello's answer lets jobs go on."""
    lines = json.loads(reply.body)["resuming"]
    return [line["new_lease_id"] for line in lines if line["state"] == "ok"]
