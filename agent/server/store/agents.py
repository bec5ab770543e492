"""Agents: their boots, what they said at hello, what was ordered of them."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from agent.model.ids import AgentId, BootId, JobId, LeaseId
from agent.model.lease import Directive
from agent.server.problems import ProblemError, newer_boot
from agent.server.queue import boots as rules
from agent.server.queue.boots import Boots, NewerBoot, Resumption
from agent.server.queue.values import Phase
from agent.server.store import jobs
from agent.server.store.jobs import Granted
from agent.server.store.transaction import Transaction, new_lease_id
from agent.wire.agents import Hello, Resuming
from agent.wire.problems import ProblemCode

BOUND_TO_A_BOOT = frozenset({Directive.DRAIN, Directive.STOP})


@dataclass(frozen=True, slots=True)
class Agent:
    agent_id: AgentId
    boots: Boots
    hello: Hello
    directive: Directive
    directive_reason: str | None
    directive_boot: BootId | None
    greeted_at: float

    @property
    def order(self) -> tuple[Directive, str | None]:
        """What it is told now: `drain` and `stop` are for the boot they were meant for."""
        if self.directive in BOUND_TO_A_BOOT and self.directive_boot != self.boots.current:
            return Directive.CONTINUE, None
        return self.directive, self.directive_reason


@dataclass(frozen=True, slots=True)
class Resumed:
    named: LeaseId
    granted: Granted | None
    """None: lost."""


def find(tx: Transaction, agent_id: str) -> Agent | None:
    row = tx.db.execute("SELECT * FROM agents WHERE agent_id = ?", (agent_id,)).fetchone()
    if row is None:
        return None
    boots = tx.db.execute(
        "SELECT boot_id, has_signed_off FROM boots WHERE agent_id = ?", (agent_id,)
    ).fetchall()
    return Agent(
        AgentId(agent_id),
        Boots(
            current=row["boot_id"],
            seq=row["boot_seq"],
            superseded=frozenset(BootId(b) for b, has_signed_off in boots if not has_signed_off),
            signed_off=frozenset(BootId(b) for b, has_signed_off in boots if has_signed_off),
        ),
        Hello.model_validate_json(row["hello"]),
        Directive(row["directive"]),
        row["directive_reason"],
        row["directive_boot"],
        row["greeted_at"],
    )


def every(tx: Transaction) -> list[Agent]:
    rows = tx.db.execute("SELECT agent_id FROM agents ORDER BY agent_id").fetchall()
    return [agent for (agent_id,) in rows if (agent := find(tx, agent_id)) is not None]


def current(tx: Transaction, agent_id: str, boot_id: str) -> Agent:
    """Raises `unknown_agent` or `newer_boot` unless this boot is the current one."""
    agent = find(tx, agent_id)
    verdict = rules.check(agent.boots, BootId(boot_id)) if agent else rules.UnknownBoot()
    if isinstance(verdict, NewerBoot):
        raise newer_boot(verdict.boot_seq)
    if agent is None or verdict is not None:
        raise ProblemError(ProblemCode.UNKNOWN_AGENT, "say hello first")
    return agent


def hello(tx: Transaction, agent_id: AgentId, said: Hello) -> list[Resumed]:
    agent = find(tx, agent_id)
    boot_id = BootId(said.boot_id)
    boots = rules.greet(agent.boots if agent else Boots(), boot_id, said.boot_seq)
    if isinstance(boots, NewerBoot):
        raise newer_boot(boots.boot_seq)
    _save(
        tx,
        Agent(
            agent_id,
            boots,
            said.model_copy(update={"resuming": ()}),
            agent.directive if agent else Directive.CONTINUE,
            agent.directive_reason if agent else None,
            agent.directive_boot if agent else None,
            tx.now,
        ),
    )
    resumed = [_resume(tx, agent_id, boot_id, line) for line in said.resuming]
    _forget_older(tx, agent_id, boot_id)
    return resumed


def _resume(tx: Transaction, agent_id: AgentId, boot_id: BootId, line: Resuming) -> Resumed:
    named = LeaseId(line.lease_id)
    job = jobs.load_by_lease(tx, named)
    if job is None or job.lease(named).agent_id != agent_id:
        return Resumed(named, None)
    wish = Resumption(named=named, stage=line.stage, boot_id=boot_id, new_id=new_lease_id())
    after, lease = rules.resume(job, wish, tx.now, tx.numbers)
    jobs.save(tx, job, after)
    return Resumed(named, None if lease is None else jobs.granted(tx, after, lease))


def _forget_older(tx: Transaction, agent_id: AgentId, boot_id: BootId) -> None:
    for job_id in jobs_of(tx, agent_id, (Phase.OFFERED, Phase.HELD, Phase.LAPSED, Phase.EXPIRED)):
        job = jobs.load(tx, job_id)
        if job is not None:
            jobs.save(tx, job, rules.forget_older(job, agent_id, boot_id, tx.now))


def jobs_of(tx: Transaction, agent_id: AgentId, phases: Sequence[Phase]) -> list[JobId]:
    marks = ", ".join("?" * len(phases))
    rows = tx.db.execute(
        f"SELECT DISTINCT job_id FROM leases WHERE agent_id = ? AND phase IN ({marks})",  # noqa: S608 - marks only
        (agent_id, *phases),
    )
    return [JobId(job_id) for (job_id,) in rows.fetchall()]


def sign_off(tx: Transaction, agent_id: AgentId, boot_id: BootId, keep: Sequence[str]) -> None:
    """Repeatable; drain and stop have done their duty."""
    agent = find(tx, agent_id)
    if agent is not None and boot_id in agent.boots.signed_off:
        return
    agent = current(tx, agent_id, boot_id)
    kept = frozenset(LeaseId(lease_id) for lease_id in keep)
    for job_id in jobs_of(tx, agent_id, (Phase.OFFERED, Phase.HELD, Phase.LAPSED, Phase.EXPIRED)):
        job = jobs.load(tx, job_id)
        if job is not None:
            jobs.save(tx, job, rules.leave(job, agent_id, kept, tx.now))
    gone = replace(agent, boots=rules.sign_off(agent.boots, boot_id))
    if agent.directive in BOUND_TO_A_BOOT:
        gone = replace(gone, directive=Directive.CONTINUE, directive_reason=None)
    _save(tx, gone)


def direct(tx: Transaction, agent_id: str, directive: Directive, reason: str | None) -> Agent:
    agent = find(tx, agent_id)
    if agent is None:
        raise ProblemError(ProblemCode.UNKNOWN_AGENT, "no such agent")
    agent = replace(
        agent,
        directive=directive,
        directive_reason=reason,
        directive_boot=agent.boots.current if directive in BOUND_TO_A_BOOT else None,
    )
    _save(tx, agent)
    return agent


def _save(tx: Transaction, agent: Agent) -> None:
    tx.db.execute(
        "INSERT OR REPLACE INTO agents VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
        (
            agent.agent_id,
            agent.boots.current,
            agent.boots.seq,
            agent.hello.model_dump_json(),
            agent.directive,
            agent.directive_reason,
            agent.directive_boot,
            agent.greeted_at,
        ),
    )
    for boot_id in agent.boots.superseded | agent.boots.signed_off:
        tx.db.execute(
            "INSERT OR IGNORE INTO boots VALUES (?, ?, ?)",
            (agent.agent_id, boot_id, boot_id in agent.boots.signed_off),
        )
