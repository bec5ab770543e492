"""Agents, a client and time against the job machine: whatever they do, its laws hold."""

import itertools
from dataclasses import replace

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from agent.model.failures import FailureCode
from agent.model.ids import AgentId, BootId, Bytes, JobId, LeaseId
from agent.model.lease import LostReason, Stage
from agent.server.queue import agents as moves
from agent.server.queue import boots, clients, plain, time
from agent.server.queue.agents import Asker, Failure, Report
from agent.server.queue.boots import Resumption
from agent.server.queue.choice import Seeker, Sighting, why_skipped
from agent.server.queue.plain import Worker
from agent.server.queue.values import LIVE, Job, Lost, Moment, NotAccepted, Numbers, Phase
from agent.wire.jobs import ENDED, JobState

NUMBERS = Numbers()
AGENTS = st.sampled_from([AgentId("a1"), AgentId("a2"), AgentId("a3")])
REPORT = Report(Stage.PROCESSING, 0.5)
CODES = st.sampled_from(
    [FailureCode.INTERNAL, FailureCode.OUT_OF_MEMORY, FailureCode.MEDIA_UNREADABLE]
)
CANCELLED = JobState.CANCELLED
WAITS = st.sampled_from([1.0, 10.0, 16.0, 40.0, 91.0, 700.0, 3700.0])


def new_job(max_attempts: int) -> Job:
    return Job(
        job_id=JobId("job"),
        state=JobState.CREATED,
        content_type="audio",
        queue="gpu_fallback",
        priority=0,
        size=None,
        created_at=Moment(0.0),
        updated_at=Moment(0.0),
        is_whole=False,
        max_attempts=max_attempts,
        allowed=max_attempts,
    )


class OneJob(RuleBasedStateMachine):
    """One job is enough: no transition looks at another."""

    def __init__(self) -> None:
        super().__init__()
        self.now = Moment(1_000.0)
        self.ids = (LeaseId(f"lease-{n}") for n in itertools.count(1))
        self.boots = {AgentId(f"a{n}"): 1 for n in (1, 2, 3)}
        self.job = clients.input_whole(new_job(3), Bytes(1), self.now)
        self.last_accepted: LeaseId | None = None
        self.results: list[LeaseId] = []

    def boot(self, agent: AgentId) -> BootId:
        return BootId(f"{agent}-{self.boots[agent]}")

    def seeker(self, agent: AgentId) -> Seeker:
        return Seeker(
            agent_id=agent,
            boot_id=self.boot(agent),
            request_id="r",
            content_types=frozenset({"audio"}),
            queues=None,
        )

    def leases_of_current_boots(self) -> list[LeaseId]:
        return [
            lease.lease_id
            for lease in self.job.leases
            if lease.boot_id == self.boot(lease.agent_id)
        ]

    def settle(self, verdict: Job | Lost | NotAccepted) -> bool:
        before = self.job
        self.job = verdict if isinstance(verdict, Job) else verdict.job
        if isinstance(verdict, Job):
            return True
        assert _without_told(self.job) == _without_told(before), "a refusal changed something"
        return False

    @rule(agent=AGENTS)
    def poll(self, agent: AgentId) -> None:
        fleet = [Sighting(self.seeker(a), self.now) for a in self.boots]
        skip = why_skipped(self.job, self.seeker(agent), fleet, self.now, NUMBERS)
        if self.job.state is JobState.QUEUED and skip is None:
            asker = Asker(agent, self.boot(agent), "r")
            self.job = moves.offer(self.job, asker, next(self.ids), self.now, NUMBERS)

    @precondition(lambda self: self.leases_of_current_boots())
    @rule(pick=st.data())
    def renew(self, pick: st.DataObject) -> None:
        lease_id = pick.draw(st.sampled_from(self.leases_of_current_boots()))
        if self.settle(moves.renew(self.job, lease_id, REPORT, self.now, NUMBERS)):
            self.last_accepted = lease_id

    @precondition(lambda self: self.leases_of_current_boots())
    @rule(pick=st.data())
    def complete(self, pick: st.DataObject) -> None:
        lease_id = pick.draw(st.sampled_from(self.leases_of_current_boots()))
        verdict = moves.complete(self.job, lease_id, self.now, NUMBERS)
        if self.settle(verdict):
            self.results.append(lease_id)
            assert lease_id == self.last_accepted
        elif isinstance(verdict, Lost) and verdict.reason is LostReason.COMPLETED:
            assert self.results[-1] == lease_id

    @precondition(lambda self: self.leases_of_current_boots())
    @rule(pick=st.data(), code=CODES)
    def fail(self, pick: st.DataObject, code: FailureCode) -> None:
        lease_id = pick.draw(st.sampled_from(self.leases_of_current_boots()))
        failure = Failure(code, "it broke", is_retryable=True)
        if self.settle(moves.fail(self.job, lease_id, failure, self.now, NUMBERS)):
            assert self.job.lease(lease_id).is_counted

    @precondition(lambda self: self.leases_of_current_boots())
    @rule(pick=st.data())
    def release(self, pick: st.DataObject) -> None:
        lease_id = pick.draw(st.sampled_from(self.leases_of_current_boots()))
        counted = self.job.counted
        if self.settle(moves.release(self.job, lease_id, "busy", 0.0, self.now, NUMBERS)):
            assert self.job.counted <= counted

    @rule(seconds=WAITS)
    def wait(self, seconds: float) -> None:
        self.now = Moment(self.now + seconds)
        before, counted = self.job.live, self.job.counted
        self.job = time.expire(self.job, self.now, NUMBERS)
        if before is not None and before.until <= self.now:
            has_failed_here = before.phase is Phase.HELD and self.job.state is not CANCELLED
            assert self.job.counted == counted + has_failed_here

    @rule(agent=AGENTS, keeps=st.booleans())
    def reboot(self, agent: AgentId, keeps: bool) -> None:
        """A new boot lists all it ever had, or nothing."""
        old = [lease.lease_id for lease in self.job.leases if lease.agent_id == agent]
        self.boots[agent] += 1
        for named in old if keeps else ():
            wish = Resumption(
                named=named,
                stage=Stage.PROCESSING,
                boot_id=self.boot(agent),
                new_id=next(self.ids),
            )
            self.job, lease = boots.resume(self.job, wish, self.now, NUMBERS)
            if lease is not None:
                self.last_accepted = lease.lease_id
        self.job = boots.forget_older(self.job, agent, self.boot(agent), self.now)

    @rule(agent=AGENTS)
    def sign_off(self, agent: AgentId) -> None:
        self.job = boots.leave(self.job, agent, (), self.now)

    @rule()
    def cancel(self) -> None:
        self.job = clients.cancel(self.job, self.now)

    @rule()
    def retry(self) -> None:
        after = clients.retry(self.job, self.now)
        if isinstance(after, Job):
            if self.job.state in ENDED:
                self.results.clear()
            self.job = after

    @invariant()
    def at_most_one_lease_is_live(self) -> None:
        assert sum(lease.phase in LIVE for lease in self.job.leases) <= 1

    @invariant()
    def at_most_one_result_is_accepted(self) -> None:
        assert len(self.results) <= 1
        assert (self.job.state is JobState.COMPLETED) == bool(self.results)

    @invariant()
    def the_job_is_never_lost(self) -> None:
        """Its state says exactly what its live lease says."""
        live = self.job.live
        match self.job.state:
            case JobState.OFFERED:
                assert live is not None
                assert live.phase is Phase.OFFERED
            case JobState.LEASED:
                assert live is not None
                assert live.phase is Phase.HELD
            case JobState.CANCELLED:
                assert live is None or live.phase is Phase.HELD
            case _:
                assert live is None

    @invariant()
    def attempts_are_counted_right(self) -> None:
        assert self.job.counted <= self.job.allowed
        is_used_up = self.job.counted == self.job.allowed
        if self.job.state is JobState.QUEUED:
            assert is_used_up == (self.job.doomed_at is not None)
        if live := self.job.live:
            assert live.attempt <= self.job.allowed

    @invariant()
    def an_ended_job_has_an_end(self) -> None:
        assert (self.job.ended_at is not None) == (self.job.state in ENDED)


def _without_told(job: Job) -> Job:
    return replace(job, leases=tuple(replace(lease, is_told=False) for lease in job.leases))


class WithPlainWorkers(OneJob):
    """The same laws, with workers beside the agents that know no leases."""

    @rule(agent=AGENTS)
    def take(self, agent: AgentId) -> None:
        boot = plain.new_boot(Worker(agent, "w"))
        seeker = replace(self.seeker(agent), boot_id=boot)
        fleet = [Sighting(self.seeker(a), self.now) for a in self.boots]
        skip = why_skipped(self.job, seeker, fleet, self.now, NUMBERS)
        if self.job.state is not JobState.QUEUED or skip is not None:
            return
        counted, new_id = self.job.counted, next(self.ids)
        numbers = plain.lasting(NUMBERS, 1800.0)
        self.job, lease = plain.grant(self.job, seeker.asker, new_id, self.now, numbers)
        self.last_accepted = new_id
        assert lease.lease_id == new_id, "an old lease is never revived by a poll"
        assert (lease.until, self.job.counted) == (self.now + 1800.0, counted)

    @rule(agent=AGENTS)
    def bring(self, agent: AgentId) -> None:
        lease = plain.newest_of(self.job, agent)
        if lease is None:
            return
        before = self.job
        self.job = plain.bring(self.job, lease, self.now, NUMBERS)
        if before.state in ENDED:
            assert self.job == before, "an end is an end"
        else:
            self.last_accepted = lease.lease_id
            self.results.append(lease.lease_id)

    @rule(agent=AGENTS)
    def ask_after(self, agent: AgentId) -> None:
        lease = plain.newest_of(self.job, agent)
        if lease is not None:
            before, numbers = self.job, plain.lasting(NUMBERS, 1800.0)
            self.job = plain.prolong(self.job, lease, self.now, numbers)
            assert self.job.state is before.state
            if lease.phase is not Phase.HELD:
                assert self.job == before, "asking brings nothing back"

    @rule(agent=AGENTS)
    def give_up(self, agent: AgentId) -> None:
        lease = plain.newest_of(self.job, agent)
        if lease is None:
            return
        before = self.job
        self.job = plain.give_up(self.job, lease, "it broke", self.now, NUMBERS)
        if lease.phase is not Phase.HELD:
            assert self.job == before, "only the attempt that is under way can fail"
        else:
            assert self.job.live is None

    @rule(agent=AGENTS)
    def put_back(self, agent: AgentId) -> None:
        lease = plain.newest_of(self.job, agent)
        if lease is not None:
            counted = self.job.counted
            self.job = plain.put_back(self.job, lease, self.now)
            assert self.job.counted == counted


TestOneJob = OneJob.TestCase
TestWithPlainWorkers = WithPlainWorkers.TestCase
TestOneJob.settings = settings(max_examples=300, stateful_step_count=30, deadline=None)
TestWithPlainWorkers.settings = settings(max_examples=300, stateful_step_count=30, deadline=None)
