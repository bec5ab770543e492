"""An in-memory job server: honest about leases, uploads and results, with its faults as data."""

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace

from agent.model.artifact import Artifact
from agent.model.errors import (
    ArtifactsRefusedError,
    CredentialsRefusedError,
    LeaseLostError,
    NewerBootError,
    ServerError,
    ServerUnavailableError,
    UnknownAgentError,
)
from agent.model.failures import RETRYABLE, FailureCode
from agent.model.ids import Instant, JobId, LeaseId, Seconds
from agent.model.lease import Directive, LeaseState, LostReason, Offer, Renewal
from agent.ports import (
    Ask,
    Clock,
    Grant,
    Introduction,
    PollResult,
    Report,
    Result,
    Resumed,
    Resuming,
    Terms,
)
from tests.fakes.ledger import ALWAYS, Call, FakeJob, FakeLease, Spell

NOT_AGAIN_FOR = Seconds(30.0)
"""A job that an agent has released is not offered to it for that long."""
SIGN_OFF_LIMIT = Seconds(3.0)
AT_ONCE, HALF_A_MINUTE = Seconds(0.0), Seconds(30.0)
OFFER_TTL, TTL, POLL_WAIT = Seconds(15.0), Seconds(90.0), Seconds(25.0)


@dataclass
class FakeServer:
    """Sections 4, 5 and 7 of the protocol; `connect` gives one agent's side of it."""

    clock: Clock
    outages: Sequence[Spell] = ()
    hangs: Sequence[Spell] = ()
    token_refused: Sequence[Spell] = ()
    lose_answers: dict[str, int] = field(default_factory=dict[str, int])
    """By call: so many are done, but the answer gets lost."""
    errors: dict[str, deque[ServerError]] = field(default_factory=dict[str, deque[ServerError]])
    """By call: raised one by one, before anything is done."""
    forgets_at: deque[float] = field(default_factory=deque[float])
    directives: Sequence[tuple[float, Directive, str | None]] = ()
    cancels: dict[JobId, tuple[float, LeaseState]] = field(
        default_factory=dict[JobId, tuple[float, LeaseState]]
    )
    lost_artifacts: dict[str, int] = field(default_factory=dict[str, int])
    """By name: so many times it is gone when `complete` comes."""
    hangs_for: Seconds = HALF_A_MINUTE
    """When a call that hangs gives up by itself, as the port promises."""
    answer_takes: Seconds = AT_ONCE
    poll_answer_takes: Seconds = AT_ONCE
    offer_ttl: Seconds = OFFER_TTL
    ttl: Seconds = TTL
    renew_in: Seconds = HALF_A_MINUTE
    poll_wait: Seconds = POLL_WAIT
    is_eager: bool = False
    """Offer the same lease again and again, and answer every poll at once."""
    skipped: dict[str, int] = field(default_factory=dict[str, int])
    jobs: dict[JobId, FakeJob] = field(default_factory=dict[JobId, FakeJob])
    leases: dict[LeaseId, FakeLease] = field(default_factory=dict[LeaseId, FakeLease])
    calls: list[Call] = field(default_factory=list[Call])
    asks: list[Ask] = field(default_factory=list[Ask])
    reports: list[tuple[Instant, LeaseId, Report]] = field(
        default_factory=list[tuple[Instant, LeaseId, Report]]
    )
    hellos: list[Introduction] = field(default_factory=list[Introduction])
    kept: list[LeaseId] = field(default_factory=list[LeaseId])
    open_polls: int = 0
    most_open_polls: int = 0

    def __post_init__(self) -> None:
        self._boots: dict[str, tuple[int, str]] = {}
        self._superseded: set[str] = set()
        self._known: set[str] = set()
        self._changed = asyncio.Event()

    def connect(self, agent: str = "attic", boot: str = "boot-1") -> "FakeConnection":
        return FakeConnection(self, agent, boot)

    def add(self, offer: Offer) -> FakeJob:
        """Put a job into the queue; the offer's lease id and times are those of nobody yet."""
        job = self.jobs[offer.job_id] = FakeJob(offer)
        self._changed.set()
        return job

    def times(self, name: str) -> list[Instant]:
        """When `name` was asked for."""
        return [call.at for call in self.calls if call.name == name]

    @asynccontextmanager
    async def call(
        self, name: str, agent: str, boot: str, lease_id: LeaseId | None = None
    ) -> AsyncIterator[None]:
        """One request on its way there and back, with everything that may befall it."""
        self.calls.append(Call(self.clock.now(), name, agent, lease_id))
        await self._suffer(name, agent)
        if name != "hello":
            self._check_boot(agent, boot)
        self._sweep()
        yield
        await self._pass(self.answer_takes)
        self._refuse_if_down(name, agent)
        if self.lose_answers.get(name, 0) > 0:
            self.lose_answers[name] -= 1
            raise ServerUnavailableError("the connection broke before the answer")

    def use(self, lease_id: LeaseId) -> FakeLease:
        """The lease, with its time full again; revived if it ran out and nobody else has it."""
        lease = self._find(lease_id)
        job = lease.job
        if job.state == "completed":
            mine = job.accepted is lease
            raise LeaseLostError(LostReason.COMPLETED if mine else LostReason.SUPERSEDED)
        if lease.ended is not None:
            raise LeaseLostError(lease.ended)
        if job.accepted is not None and lease.is_accepted and job.accepted is not lease:
            raise LeaseLostError(LostReason.SUPERSEDED)
        if job.current is not None and job.current is not lease:
            job.current.ended = LostReason.SUPERSEDED  # an offer that nobody has accepted
        job.current, job.state = lease, "leased"
        lease.ends_at = Instant(self.clock.now() + self.ttl)
        return lease

    def introduce(self, agent: str, boot: str, who: Introduction) -> Terms:
        seq, current = self._boots.get(agent, (0, boot))
        if who.boot_seq < seq or boot in self._superseded:
            raise NewerBootError("a newer boot is here", boot_seq=seq)
        if boot != current:
            self._superseded.add(current)
        resumed = tuple(self._resume(agent, boot, line) for line in who.resuming)
        self._end_older(agent, boot)
        self._boots[agent] = (who.boot_seq, boot)
        self._known.add(agent)
        self.hellos.append(who)
        return Terms(
            poll_wait=self.poll_wait,
            renew_every=self.renew_in,
            lease_ttl=self.ttl,
            resumed=resumed,
        )

    async def poll(self, agent: str, boot: str, ask: Ask) -> PollResult:
        self.asks.append(ask)
        self.open_polls += 1
        self.most_open_polls = max(self.most_open_polls, self.open_polls)
        try:
            offer = await self._wait_for_offer(agent, boot, ask)
        finally:
            self.open_polls -= 1
        await self._pass(self.poll_answer_takes)
        directive, reason = self._directive()
        return PollResult(offer=offer, directive=directive, reason=reason, skipped=self.skipped)

    def renew(self, lease_id: LeaseId, report: Report) -> Renewal:
        lease = self.use(lease_id)
        if not lease.is_accepted:
            lease.is_accepted, lease.job.accepted = True, lease
            lease.job.accepted_leases.append(lease_id)
            lease.job.attempts += 1
        self.reports.append((self.clock.now(), lease_id, report))
        directive, reason = self._directive()
        when, state = self.cancels.get(lease.job.offer.job_id, (ALWAYS, LeaseState.OK))
        if self.clock.now() < when:
            return Renewal(LeaseState.OK, self.ttl, self.renew_in, directive, reason)
        return Renewal(state, self.ttl, self.renew_in, directive, "cancelled by its owner")

    def complete(self, lease_id: LeaseId, result: Result) -> None:
        job = self._find(lease_id).job
        if (lease_id, result.manifest) in [(given, done.manifest) for given, done in job.results]:
            return
        lease = self.use(lease_id)
        missing = tuple(a.name for a in result.manifest if not self._has(lease, a))
        if missing:
            raise ArtifactsRefusedError(missing)
        job.results.append((lease_id, result))
        job.files = {name: bytes(up.received) for name, up in lease.uploads.items()}
        job.state, job.current = "completed", None

    def fail(self, lease_id: LeaseId, code: FailureCode, message: str) -> None:
        if self._find(lease_id).settled == "fail":
            return
        lease = self.use(lease_id)
        job, lease.settled = lease.job, "fail"
        job.failures.append(code)
        job.said.append(message)
        job.not_for[lease.agent] = ALWAYS
        self._give_back(lease)
        job.state = "queued" if code in RETRYABLE else "failed"

    def release(self, lease_id: LeaseId, reason: str, retry_after: Seconds | None) -> None:
        if self._find(lease_id).settled == "release":
            return
        lease = self.use(lease_id)
        lease.settled = "release"
        lease.job.said.append(reason)
        lease.job.releases.append(self.clock.now())
        lease.job.not_for[lease.agent] = self.clock.now() + (retry_after or NOT_AGAIN_FOR)
        self._give_back(lease)
        if lease.job.offer.job_id in self.cancels:
            lease.job.state = "cancelled"

    def sign_off(self, agent: str, boot: str, keep: Sequence[LeaseId]) -> None:
        self.kept.extend(keep)
        self._superseded.add(boot)
        self._release_all(agent, keep)

    def _resume(self, agent: str, boot: str, line: Resuming) -> Resumed:
        """Section 4: any id of an attempt names its current lease, which a later boot gets anew."""
        lease = self.leases.get(line.lease_id)
        while lease is not None and lease.replaced_by is not None:
            lease = lease.replaced_by
        if lease is None or lease.agent != agent or lease.ended is not None or lease.job.is_over:
            return Resumed(line.lease_id, None)
        job = lease.job
        if job.current is not None and job.current is not lease and job.current.is_accepted:
            return Resumed(line.lease_id, None)
        if lease.boot != boot:
            lease = self._regrant(lease, boot)
        grant = Grant(
            lease_id=lease.lease_id,
            input=job.offer.input,
            artifacts_url=f"/leases/{lease.lease_id}/artifacts",
            transport=job.offer.transport,
        )
        return Resumed(line.lease_id, grant)

    def _regrant(self, old: FakeLease, boot: str) -> FakeLease:
        lease_id = LeaseId(f"lease-{len(self.leases) + 1}")
        ends_at = Instant(self.clock.now() + self.ttl)
        new = FakeLease(lease_id, old.job, old.agent, boot, ends_at, is_accepted=True)
        new.uploads, old.replaced_by, old.ended = old.uploads, new, LostReason.SUPERSEDED
        job = old.job
        if job.current is not None and job.current is not old:
            job.current.ended = LostReason.SUPERSEDED  # an offer that nobody has accepted
        self.leases[lease_id] = job.current = job.accepted = new
        job.accepted_leases.append(lease_id)
        job.attempts += not old.is_accepted
        job.state = "leased"
        return new

    def _end_older(self, agent: str, boot: str) -> None:
        for lease in self.leases.values():
            if lease.agent == agent and lease.boot != boot and lease.ended is None:
                if lease.job.current is lease:
                    self._give_back(lease)
                elif not lease.job.is_over:
                    lease.ended = LostReason.EXPIRED

    def _release_all(self, agent: str, keep: Sequence[LeaseId]) -> None:
        for lease in self.leases.values():
            if lease.agent == agent and lease.job.current is lease and lease.lease_id not in keep:
                self._give_back(lease)

    def _give_back(self, lease: FakeLease) -> None:
        lease.ended = LostReason.EXPIRED
        lease.job.current, lease.job.state = None, "queued"
        self._changed.set()

    async def _wait_for_offer(self, agent: str, boot: str, ask: Ask) -> Offer | None:
        ends = self.clock.now() + ask.wait
        heard = self._directive()
        while True:
            self._changed.clear()
            self._sweep()
            offer = self._offer_for(agent, boot, ask) if ask.free_slots or ask.prefetch else None
            over = self.clock.now() >= ends or self._directive() != heard or self.is_eager
            if offer is not None or over:
                return offer
            try:
                async with asyncio.timeout(self._next_change(ends) - self.clock.now()):
                    await self._changed.wait()
            except TimeoutError:
                pass

    def _next_change(self, ends: float) -> float:
        """When something may be new without anybody calling."""
        leases = [job.current.ends_at for job in self.jobs.values() if job.current is not None]
        rests = [until for job in self.jobs.values() for until in job.not_for.values()]
        orders = [when for when, _, _ in self.directives]
        now = self.clock.now()
        return min(when for when in (*leases, *rests, *orders, ends) if when > now)

    def _offer_for(self, agent: str, boot: str, ask: Ask) -> Offer | None:
        now = self.clock.now()
        for job in self.jobs.values():
            current = job.current
            if current is not None and current.agent == agent:
                if self.is_eager or not current.is_accepted:
                    return self._shown(current)
            elif _is_wanted(job, ask) and now >= job.not_for.get(agent, 0.0):
                return self._shown(self._grant(job, agent, boot, now))
        return None

    def _grant(self, job: FakeJob, agent: str, boot: str, now: Instant) -> FakeLease:
        """A new lease; to an agent that may still hold an older one, that one again."""
        old = job.accepted
        if old is not None and old.boot == boot and old.ended is None:
            job.current, old.ends_at = old, Instant(now + self.offer_ttl)
            return old
        lease_id = LeaseId(f"lease-{len(self.leases) + 1}")
        lease = FakeLease(lease_id, job, agent, boot, Instant(now + self.offer_ttl))
        self.leases[lease_id] = job.current = lease
        job.state = "offered"
        return lease

    def _shown(self, lease: FakeLease) -> Offer:
        return replace(
            lease.job.offer,
            lease_id=lease.lease_id,
            attempt=lease.job.attempts + 1,
            offer_ttl=self.offer_ttl,
            lease_ttl=self.ttl,
            artifacts_url=f"/leases/{lease.lease_id}/artifacts",
        )

    def _has(self, lease: FakeLease, artifact: Artifact) -> bool:
        if self.lost_artifacts.get(artifact.name, 0) > 0:
            self.lost_artifacts[artifact.name] -= 1
            del lease.uploads[artifact.name]
        upload = lease.uploads.get(artifact.name)
        return upload is not None and upload.artifact == artifact and upload.is_whole

    def _find(self, lease_id: LeaseId) -> FakeLease:
        if lease_id not in self.leases:
            raise LeaseLostError(LostReason.UNKNOWN)
        return self.leases[lease_id]

    def _sweep(self) -> None:
        """What the clock alone ends: offers for good, leases until somebody revives them."""
        now = self.clock.now()
        for job in self.jobs.values():
            lease = job.current
            if lease is not None and now >= lease.ends_at:
                lease.ended = None if lease.is_accepted else LostReason.EXPIRED
                job.current, job.state = None, "queued"

    def _directive(self) -> tuple[Directive, str | None]:
        now = self.clock.now()
        past = [(said, reason) for when, said, reason in self.directives if when <= now]
        return past[-1] if past else (Directive.CONTINUE, None)

    async def _suffer(self, name: str, agent: str) -> None:
        now = self.clock.now()
        if any(spell.strikes(name, agent, now) for spell in self.hangs):
            await self._pass(SIGN_OFF_LIMIT if name == "sign_off" else self.hangs_for)
            raise ServerUnavailableError("no answer")
        self._refuse_if_down(name, agent)
        if any(spell.strikes(name, agent, now) for spell in self.token_refused):
            raise CredentialsRefusedError("the token is unknown")
        if self.errors.get(name):
            raise self.errors[name].popleft()

    def _refuse_if_down(self, name: str, agent: str) -> None:
        now = self.clock.now()
        if any(spell.strikes(name, agent, now) for spell in self.outages):
            raise ServerUnavailableError("connection refused")

    def _check_boot(self, agent: str, boot: str) -> None:
        if self.forgets_at and self.clock.now() >= self.forgets_at[0]:
            self.forgets_at.popleft()
            self._known.clear()
        if boot in self._superseded:
            raise NewerBootError("a newer boot is here", boot_seq=self._boots[agent][0])
        if agent not in self._known:
            raise UnknownAgentError("never heard of you")

    async def _pass(self, seconds: Seconds) -> None:
        if seconds:
            await self.clock.sleep_until(Instant(self.clock.now() + seconds))


def _is_wanted(job: FakeJob, ask: Ask) -> bool:
    types, size = ask.content_types, job.offer.input.size
    fits = size is None or size <= ask.max_input
    is_asked_for = types is None or job.offer.content_type in types
    return job.current is None and not job.is_over and is_asked_for and fits


@dataclass(frozen=True)
class FakeConnection:
    """The `JobServer` port for one start of one agent."""

    server: FakeServer
    agent: str
    boot: str

    async def hello(self, who: Introduction) -> Terms:
        async with self.server.call("hello", self.agent, self.boot):
            terms = self.server.introduce(self.agent, self.boot, who)
        return terms  # noqa: RET504 - the answer may get lost on its way

    async def poll(self, ask: Ask) -> PollResult:
        async with self.server.call("poll", self.agent, self.boot):
            result = await self.server.poll(self.agent, self.boot, ask)
        return result  # noqa: RET504 - the answer may get lost on its way

    async def renew(self, lease_id: LeaseId, report: Report) -> Renewal:
        async with self.server.call("renew", self.agent, self.boot, lease_id):
            renewal = self.server.renew(lease_id, report)
        return renewal  # noqa: RET504 - the answer may get lost on its way

    async def complete(self, lease_id: LeaseId, result: Result) -> None:
        async with self.server.call("complete", self.agent, self.boot, lease_id):
            self.server.complete(lease_id, result)

    async def fail(self, lease_id: LeaseId, code: FailureCode, message: str, detail: str) -> None:
        async with self.server.call("fail", self.agent, self.boot, lease_id):
            self.server.fail(lease_id, code, f"{message}{detail}")

    async def release(self, lease_id: LeaseId, reason: str, retry_after: Seconds | None) -> None:
        async with self.server.call("release", self.agent, self.boot, lease_id):
            self.server.release(lease_id, reason, retry_after)

    async def sign_off(self, keep: Sequence[LeaseId]) -> None:
        async with self.server.call("sign_off", self.agent, self.boot):
            self.server.sign_off(self.agent, self.boot, keep)
