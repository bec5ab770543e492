"""Section 8, the fleet: who is there, with what, and what it is told to do."""

from collections.abc import Sequence
from functools import partial

from fastapi import APIRouter

from agent.model.ids import AgentId
from agent.server.auth import Client, ServerDep
from agent.server.bodies import JsonRoute
from agent.server.fleet import Presence
from agent.server.queue.values import Lease, Moment, Phase
from agent.server.server import Server
from agent.server.store import agents, jobs
from agent.server.store.agents import Agent
from agent.server.store.transaction import Transaction
from agent.wire import routes
from agent.wire.fleet import AgentInfo, AgentList, DirectiveOrder, HeldInfo

router = APIRouter(route_class=JsonRoute, tags=["fleet"], dependencies=[Client])


@router.get(routes.AGENTS)
async def list_agents(server: ServerDep) -> AgentList:
    """Everybody who ever said hello; silence makes them offline."""
    known = await server.store.run(_everybody)
    return AgentList(agents=tuple(_info(server, agent, holds) for agent, holds in known))


def _everybody(tx: Transaction) -> Sequence[tuple[Agent, tuple[HeldInfo, ...]]]:
    return [(agent, _holds(tx, agent.agent_id)) for agent in agents.every(tx)]


def _holds(tx: Transaction, agent_id: AgentId) -> tuple[HeldInfo, ...]:
    found = (jobs.load(tx, job_id) for job_id in agents.jobs_of(tx, agent_id, [Phase.HELD]))
    return tuple(
        _held(job.job_id, lease)
        for job in found
        if job is not None
        for lease in job.leases
        if lease.phase is Phase.HELD and lease.agent_id == agent_id
    )


def _held(job_id: str, lease: Lease) -> HeldInfo:
    return HeldInfo(
        job_id=job_id, lease_id=lease.lease_id, stage=lease.stage, progress=lease.progress
    )


@router.post(routes.DIRECTIVE)
async def direct(server: ServerDep, agent_id: str, body: DirectiveOrder) -> AgentInfo:
    """`drain` and `stop` are for the process that runs now; `pause` stays until `continue`."""
    order = partial(agents.direct, agent_id=agent_id, directive=body.directive, reason=body.reason)
    agent = await server.store.run(order)
    server.running.matchmaker.dismiss(agent.agent_id)
    holds = await server.store.run(partial(_holds, agent_id=agent.agent_id))
    return _info(server, agent, holds)


def _info(server: Server, agent: Agent, holds: tuple[HeldInfo, ...]) -> AgentInfo:
    hello, (directive, reason) = agent.hello, agent.order
    presence = server.fleet.of(agent.agent_id) or Presence(Moment(agent.greeted_at))
    silent_s = max(0.0, server.now - presence.seen_at)
    is_here = server.fleet.of(agent.agent_id) is not None
    return AgentInfo(
        agent_id=agent.agent_id,
        name=hello.name,
        version=hello.version,
        capability=hello.capability,
        content_types=hello.content_types,
        queues=hello.queues,
        slots=hello.slots,
        labels=hello.labels,
        hardware=hello.hardware,
        location=hello.location,
        health=presence.health,
        online=is_here and silent_s <= server.settings.offline_after_s,
        last_seen_s=silent_s,
        directive=directive,
        directive_reason=reason,
        holds=holds,
    )
