"""Server-sent events of one job."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass
from functools import partial

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import StreamingResponse

from agent.model.ids import JobId
from agent.server.auth import Client, ServerDep
from agent.server.digits import number_in
from agent.server.problems import ProblemError
from agent.server.server import Server
from agent.server.store import clients, events
from agent.server.store.events import Event
from agent.server.store.transaction import Transaction
from agent.wire import routes

router = APIRouter(tags=["jobs"], dependencies=[Client])
MEDIA_TYPE = "text/event-stream"
HEADERS = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}


@dataclass(frozen=True, slots=True)
class _News:
    events: list[Event]
    is_last: bool
    """The job has ended: nothing more will come."""


@router.get(routes.JOB_EVENTS, response_class=StreamingResponse)
async def job_events(request: Request, server: ServerDep, job_id: str) -> StreamingResponse:
    """`state`, `stage` and `progress`, from `Last-Event-ID` on, until the job has ended."""
    job = await server.store.run(partial(clients.find, job_id=job_id))
    start = number_in(request.headers.get("last-event-id", "")) or 0
    stream = _stream(server, job.job_id, start)
    return StreamingResponse(stream, headers=HEADERS, media_type=MEDIA_TYPE)


async def _stream(server: Server, job_id: JobId, number: int) -> AsyncIterator[str]:
    with server.streams.listen(job_id) as changed:
        while not server.streams.is_closed:
            changed.clear()
            try:
                look = partial(_look, job_id=job_id, number=number)
                news = await server.store.run(look)
            except ProblemError:
                return  # removed meanwhile, or the server is stopping
            for event in news.events:
                number = event.number
                yield f"id: {event.number}\nevent: {event.kind}\ndata: {event.data}\n\n"
            if news.is_last:
                return
            if not await _change_within(changed, server.settings.heartbeat_s):
                yield ": still here\n\n"


def _look(tx: Transaction, job_id: JobId, number: int) -> _News:
    job = clients.find(tx, job_id)
    return _News(events.since(tx, job_id, number), job.has_ended)


async def _change_within(changed: asyncio.Event, seconds: float) -> bool:
    try:
        async with asyncio.timeout(seconds):
            await changed.wait()
    except TimeoutError:
        return False
    return True
