"""Sections 6 and 7: the input, and everything that is said about one lease."""

from functools import partial
from typing import Annotated

from fastapi import APIRouter, Depends
from starlette.requests import Request
from starlette.responses import Response

from agent.model.failures import FailureCode
from agent.model.ids import AgentId, LeaseId
from agent.model.lease import LeaseState
from agent.server.auth import CallingAgent, ServerDep
from agent.server.bodies import JsonRoute
from agent.server.problems import ProblemError, invalid
from agent.server.queue.agents import Report
from agent.server.queue.values import Job
from agent.server.routes.agents import BootHeader, boot_of
from agent.server.sending import Content, send
from agent.server.server import Server
from agent.server.store import agents, clients, leases
from agent.server.store.jobs import Granted
from agent.server.store.leases import Caller
from agent.server.store.transaction import Transaction
from agent.server.store.uploads import Upload
from agent.wire import routes
from agent.wire.jobs import JobState
from agent.wire.leases import Complete, Fail, Release, Renew, Renewed, Settled
from agent.wire.problems import ProblemCode

router = APIRouter(route_class=JsonRoute, tags=["leases"])


class Speaker:
    """The agent and the lease of a call; the boot may still be in the body."""

    def __init__(self, agent: AgentId, lease_id: LeaseId, boot: str | None) -> None:
        self._agent = agent
        self._lease_id = lease_id
        self._boot = boot

    def with_boot(self, in_body: str | None = None) -> Caller:
        return Caller(self._agent, boot_of(self._boot, in_body), self._lease_id)


async def _speaker(
    server: ServerDep, agent: CallingAgent, lease_id: str, boot: BootHeader = None
) -> Speaker:
    server.fleet.saw(agent, server.now)
    return Speaker(agent, LeaseId(lease_id), boot)


SpeakerDep = Annotated[Speaker, Depends(_speaker)]


@router.post(routes.RENEW)
async def renew(server: ServerDep, speaker: SpeakerDep, body: Renew) -> Renewed:
    """The first one accepts the offer."""
    caller = speaker.with_boot(body.boot_id)
    report = Report(body.stage, body.progress, body.message)
    renewed = await server.store.run(partial(leases.renew, caller=caller, report=report))
    server.fleet.saw(caller.agent_id, server.now, body.health)
    state, reason = _state_of(renewed.job)
    return Renewed(
        state=state,
        reason=reason or renewed.reason,
        ttl_s=server.settings.numbers.lease_ttl_s,
        renew_in_s=server.settings.renew_every_s,
        directive=renewed.directive,
    )


def _state_of(job: Job) -> tuple[LeaseState, str | None]:
    if job.state is not JobState.CANCELLED:
        return LeaseState.OK, None
    state = LeaseState.CANCEL if job.cancels <= 1 else LeaseState.CANCEL_NOW
    return state, "cancelled by the client"


@router.post(routes.RELEASE)
async def release(server: ServerDep, speaker: SpeakerDep, body: Release) -> Settled:
    """Give back unfinished; not counted."""
    caller = speaker.with_boot(body.boot_id)
    return _settled(await server.store.run(partial(leases.release, caller=caller, said=body)))


@router.post(routes.FAIL)
async def fail(server: ServerDep, speaker: SpeakerDep, body: Fail) -> Settled:
    """The job cannot be done, here or anywhere."""
    caller = speaker.with_boot(body.boot_id)
    if body.code is FailureCode.WORKER_LOST:
        raise invalid("code", "set by the server only")
    return _settled(await server.store.run(partial(leases.fail, caller=caller, said=body)))


@router.post(routes.COMPLETE)
async def complete(server: ServerDep, speaker: SpeakerDep, body: Complete) -> Settled:
    """Accepted once every artifact lies here with its size and digest."""
    caller = speaker.with_boot(body.boot_id)
    if len({line.name for line in body.manifest}) != len(body.manifest):
        raise invalid("manifest", "a name occurs twice")
    completed = await server.store.run(partial(leases.complete, caller=caller, said=body))
    for upload in completed.dropped:
        await server.running.receiver.forget(upload)
    return _settled(completed.job)


def _settled(job: Job) -> Settled:
    return Settled(job_id=job.job_id, state=job.state)


@router.get(routes.INPUT, response_class=Response)
@router.head(routes.INPUT, response_class=Response)
async def get_input(
    request: Request,
    server: ServerDep,
    agent: CallingAgent,
    lease_id: str,
    boot: BootHeader = None,
) -> Response:
    """The input of an accepted lease; ranges, strong ETag."""
    read = partial(_readable, agent_id=agent, lease_id=LeaseId(lease_id), boot=boot)
    granted, upload = await server.store.run(read)
    server.fleet.saw(agent, server.now)
    content = _content(server, granted, upload)
    # To the agent this is a source that answers and does not have it: `input_unavailable`.
    missing = ProblemError(ProblemCode.UNAVAILABLE, "the file of this input is missing")
    return await send(request, content, server.metrics.bytes_out.inc, missing)


def _readable(
    tx: Transaction, agent_id: CallingAgent, lease_id: LeaseId, boot: str | None
) -> tuple[Granted, Upload]:
    if boot is not None:
        agents.current(tx, agent_id, boot)
    granted = leases.readable_input(tx, agent_id, lease_id)
    if granted.spec.input_url is not None:
        raise ProblemError(ProblemCode.UNKNOWN_UPLOAD, "this input is held elsewhere")
    return granted, clients.input_upload(tx, granted.job.job_id)


def _content(server: Server, granted: Granted, upload: Upload) -> Content:
    return Content(
        path=server.blobs.path(upload),
        size=upload.length,
        sha256=upload.sha256 or "",
        media_type=upload.media_type,
        filename=granted.spec.filename,
    )
