"""Sections 4 and 5: hello, sign-off, and the long poll."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import Annotated

from fastapi import APIRouter, Header
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response

from agent.model.ids import AgentId, BootId, Bytes
from agent.model.lease import Directive
from agent.server import tus
from agent.server.auth import NamedAgent, ServerDep, Token, no_valid_token
from agent.server.bodies import JsonRoute
from agent.server.polls import Waiter
from agent.server.problems import ProblemError
from agent.server.queue.choice import Seeker, Sighting
from agent.server.routes.links import artifacts_of, input_of
from agent.server.server import Server
from agent.server.store import agents, matching
from agent.server.store.agents import Agent
from agent.server.store.jobs import Granted
from agent.server.store.transaction import Transaction
from agent.server.tokens import TokenRecord
from agent.wire import routes
from agent.wire.agents import (
    Hello,
    OfferInfo,
    Poll,
    PollAnswer,
    Resumed,
    ResumedState,
    SignOff,
    Welcome,
)
from agent.wire.base import BOOT_HEADER
from agent.wire.problems import ProblemCode

router = APIRouter(route_class=JsonRoute, tags=["agents"])
BootHeader = Annotated[str | None, Header(alias=BOOT_HEADER)]


def boot_of(header: str | None, body: str | None = None) -> str:
    """From the header or the body; both must say the same."""
    if header is not None and body is not None and header != body:
        raise ProblemError(ProblemCode.BAD_REQUEST, f"{BOOT_HEADER} and boot_id differ")
    boot_id = header or body
    if boot_id is None:
        raise ProblemError(ProblemCode.BAD_REQUEST, f"{BOOT_HEADER} is missing")
    return boot_id


@router.put(routes.AGENT, response_model_exclude_none=True)
async def hello(request: Request, server: ServerDep, agent: NamedAgent, body: Hello) -> Welcome:
    """Idempotent: at start, and after `unknown_agent`."""
    resumed = await server.store.run(partial(agents.hello, agent_id=agent, said=body))
    server.running.matchmaker.dismiss_other_boot(agent, BootId(body.boot_id))
    server.fleet.saw(agent, server.now)
    settings = server.settings
    return Welcome(
        poll_wait_s=settings.poll_wait_s,
        renew_every_s=settings.renew_every_s,
        lease_ttl_s=settings.numbers.lease_ttl_s,
        tus=tus.EXTENSIONS,
        resuming=tuple(_resumed(request, line) for line in resumed),
    )


def _resumed(request: Request, line: agents.Resumed) -> Resumed:
    if line.granted is None:
        return Resumed(lease_id=line.named, state=ResumedState.LOST)
    return Resumed(
        lease_id=line.named,
        state=ResumedState.OK,
        new_lease_id=line.granted.lease.lease_id,
        input=input_of(request, line.granted),
        artifacts=artifacts_of(request, line.granted),
    )


@router.delete(routes.AGENT, status_code=204)
async def sign_off(
    server: ServerDep, agent: NamedAgent, boot: BootHeader = None, body: SignOff | None = None
) -> Response:
    """Repeatable. What is held and not kept goes back to the queue."""
    leave = partial(
        agents.sign_off,
        agent_id=agent,
        boot_id=BootId(boot_of(boot)),
        keep=body.keep if body else (),
    )
    await server.store.run(leave)
    server.running.matchmaker.dismiss(agent)
    server.fleet.saw_end(agent)
    return Response(status_code=204)


@dataclass(frozen=True, slots=True)
class _Opened:
    agent: Agent
    is_repeated: bool


@router.post(routes.POLL)
async def poll(
    request: Request,
    server: ServerDep,
    agent: NamedAgent,
    token: Token,
    body: Poll,
    boot: BootHeader = None,
) -> PollAnswer:
    """Long poll for one offer; also the heartbeat of an idle agent."""
    boot_id = BootId(boot_of(boot, body.boot_id))
    opened = await server.store.run(
        partial(_open, agent_id=agent, boot_id=boot_id, request_id=body.request_id)
    )
    directive = opened.agent.order[0]
    is_repeated = opened.is_repeated or server.fleet.has_answered(agent, body.request_id)
    seeker = _seeker(opened.agent, body)
    may_match = directive is Directive.CONTINUE and not is_repeated
    has_place = body.free_slots + body.prefetch > 0
    waiter = Waiter(
        agent,
        boot_id,
        seeker if may_match and has_place else None,
        is_prefetching=body.free_slots == 0,
    )
    server.fleet.saw(agent, server.now, body.health)
    if waiter.seeker is not None:
        server.fleet.saw_place(waiter.seeker, server.now)
    has_answer = is_repeated or not server.fleet.knows(agent, boot_id, directive)
    wait_s = 0.0 if has_answer else min(body.wait_s, server.settings.poll_wait_s)
    granted = await server.running.matchmaker.wait(waiter, wait_s, partial(_gone, request))
    if waiter.is_gone:
        raise ClientDisconnect
    if granted is not None:
        await _check_again(server, token, granted)
        server.metrics.offers.inc()
        return PollAnswer(offer=_offer(request, server, granted))
    return await _no_offer(server, waiter, body)


async def _check_again(server: Server, token: TokenRecord, granted: Granted) -> None:
    """The poll may have waited for most of a minute, and its token may be revoked since."""
    if not await server.running.gatekeeper.is_still_valid(token):
        await server.running.matchmaker.withdraw(granted)
        raise no_valid_token()


def _open(tx: Transaction, agent_id: AgentId, boot_id: BootId, request_id: str) -> _Opened:
    agent = agents.current(tx, agent_id, boot_id)
    return _Opened(agent, matching.was_answered(tx, agent_id, request_id))


def _seeker(agent: Agent, body: Poll) -> Seeker:
    hello = agent.hello
    queues = hello.queues if body.queues is None else body.queues
    types = hello.content_types if body.content_types is None else body.content_types
    return Seeker(
        agent_id=agent.agent_id,
        boot_id=BootId(body.boot_id),
        request_id=body.request_id,
        content_types=frozenset(types),
        queues=frozenset(queues) or None,
        max_input_bytes=None if body.max_input_bytes is None else Bytes(body.max_input_bytes),
    )


def _offer(request: Request, server: Server, granted: Granted) -> OfferInfo:
    job, lease, numbers = granted.job, granted.lease, server.settings.numbers
    return OfferInfo(
        job_id=job.job_id,
        lease_id=lease.lease_id,
        attempt=lease.attempt,
        offer_ttl_s=min(numbers.offer_ttl_s, max(0.0, lease.until - server.now)),
        lease_ttl_s=numbers.lease_ttl_s,
        queue=job.queue,
        content_type=job.content_type,
        options=json.loads(granted.spec.options),
        input=input_of(request, granted),
        artifacts=artifacts_of(request, granted),
        timeout_s=granted.spec.timeout_s,
    )


@dataclass(frozen=True, slots=True)
class _Explained:
    directive: Directive
    reason: str | None
    skipped: dict[str, int]


async def _no_offer(server: Server, waiter: Waiter, body: Poll) -> PollAnswer:
    """Also where a process that was superseded while it waited is told so."""
    fleet = server.fleet
    explain = partial(_explain, waiter=waiter, fleet=fleet.sightings())
    told = await server.store.run(explain)
    if not waiter.is_superseded:
        fleet.note_told(waiter.agent_id, waiter.boot_id, told.directive)
        fleet.note_answered(waiter.agent_id, body.request_id)
    return PollAnswer(skipped=told.skipped, directive=told.directive, reason=told.reason)


def _explain(tx: Transaction, waiter: Waiter, fleet: Sequence[Sighting]) -> _Explained:
    agent = agents.current(tx, waiter.agent_id, waiter.boot_id)
    skipped = {} if waiter.seeker is None else matching.skipped(tx, waiter.seeker, fleet)
    return _Explained(*agent.order, skipped)


async def _gone(request: Request) -> None:
    while (await request.receive())["type"] != "http.disconnect":
        continue
