"""The remote-jobs API for MoRAG's own workers: poll, download, result."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Annotated
from urllib.parse import quote

from fastapi import APIRouter, Depends, Query
from starlette.requests import Request
from starlette.responses import Response

from agent.model.claim import JobStatus
from agent.model.ids import AgentId
from agent.server.auth import ServerDep
from agent.server.morag import results
from agent.server.morag.desk import DeskDep
from agent.server.morag.keys import OldWorker
from agent.server.morag.route import OldRoute
from agent.server.morag.words import status_of
from agent.server.problems import ProblemError
from agent.server.queue.choice import Sighting
from agent.server.queue.plain import Worker
from agent.server.queue.values import Phase
from agent.server.sending import Content, send
from agent.server.store import clients, jobs, morag, workers
from agent.server.store.jobs import Spec
from agent.server.store.morag import MoragJob, Taken
from agent.server.store.transaction import Transaction
from agent.server.store.uploads import Upload
from agent.wire import routes
from agent.wire.jobs import JobState
from agent.wire.morag import DOWNLOAD, POLL, RESULT, Claimed, JobResult, ResultTaken
from agent.wire.morag_workers import WorkerId
from agent.wire.problems import ProblemCode

router = APIRouter(route_class=OldRoute, tags=["remote-jobs"])
MOST_TYPES = 100


@dataclass(frozen=True, slots=True)
class _Asked:
    worker: Worker
    content_types: tuple[str, ...]


async def _asked(
    agent_id: OldWorker,
    worker_id: WorkerId,
    content_types: Annotated[str, Query(max_length=4096)],
    max_jobs: int = 1,
) -> _Asked:
    del max_jobs  # MoRAG takes that many, returns one, and loses the others
    names = tuple(name for part in content_types.split(",") if (name := part.strip()))
    return _Asked(Worker(agent_id, worker_id), names[:MOST_TYPES])


def _take(
    tx: Transaction,
    asked: _Asked,
    fleet: Sequence[Sighting],
    lease_s: Callable[[str], float],
) -> Taken | None:
    workers.check_name(tx, asked.worker)
    return morag.take(tx, asked.worker, asked.content_types, fleet, lease_s)


@router.get(POLL)
async def poll(
    request: Request,
    server: ServerDep,
    desk: DeskDep,
    asked: Annotated[_Asked, Depends(_asked)],
) -> Claimed:
    """At most one job, whatever `max_jobs` says; without one everything is null."""
    fleet = server.fleet.sightings()
    taken = await server.store.run(partial(_take, asked=asked, fleet=fleet, lease_s=desk.lease_s))
    desk.roll.saw(asked.worker, server.now, asked.content_types)
    if taken is None:
        return Claimed()
    if await request.is_disconnected():
        await server.store.run(partial(morag.put_back, taken=taken))
        return Claimed()
    server.metrics.offers.inc()
    return Claimed(
        job_id=taken.job.job_id,
        source_file_url=routes.fill(DOWNLOAD, job_id=taken.job.job_id),
        content_type=taken.job.content_type,
        task_options=taken.task_options,
    )


@router.get(DOWNLOAD, response_class=Response)
async def download(
    request: Request, server: ServerDep, desk: DeskDep, agent_id: OldWorker, job_id: str
) -> Response:
    """The input, while the job is processing at this worker; ranges, strong ETag."""
    read = partial(_input, agent_id=agent_id, job_id=job_id, lease_s=desk.lease_s)
    spec, upload = await server.store.run(read)
    content = Content(
        path=server.blobs.path(upload),
        size=upload.length,
        sha256=upload.sha256 or "",
        media_type="application/octet-stream",
        filename=spec.filename,
    )
    missing = ProblemError(ProblemCode.UNKNOWN_JOB, "Source file not found")
    answer = await send(request, content, server.metrics.bytes_out.inc, missing)
    answer.headers["Content-Disposition"] = _disposition(spec.filename)
    return answer


def _input(
    tx: Transaction, agent_id: AgentId, job_id: str, lease_s: Callable[[str], float]
) -> tuple[Spec, Upload]:
    found, lease = morag.ask_after(tx, agent_id, job_id, lease_s)
    if lease.phase is not Phase.HELD or found.job.state is not JobState.LEASED:
        raise ProblemError(ProblemCode.FORBIDDEN, "the job is not being processed by this worker")
    return jobs.load_spec(tx, found.job.job_id), clients.input_upload(tx, job_id)


def _disposition(filename: str) -> str:
    """As MoRAG's framework writes it: the only place where a worker sees the extension."""
    quoted = quote(filename)
    if quoted == filename:
        return f'attachment; filename="{filename}"'
    return f"attachment; filename*=utf-8''{quoted}"


@router.put(RESULT)
async def result(
    server: ServerDep, desk: DeskDep, agent_id: OldWorker, job_id: str, body: JobResult
) -> ResultTaken:
    """Once: sent again, it changes nothing. `on_result` follows on its own."""
    async with desk.turn(job_id):
        if results.is_failure(body):
            return _taken(await results.give_up(server, agent_id, job_id, body), is_failure=True)
        return _taken(await results.bring(server, agent_id, job_id, body))


def _taken(found: MoragJob, *, is_failure: bool = False) -> ResultTaken:
    status = status_of(found)
    if status is JobStatus.COMPLETED:
        return ResultTaken(status=status, ingestion_continued=found.is_awaited)
    # It is told what became of its own attempt; that the job is queued again is not its affair.
    return ResultTaken(status=JobStatus.FAILED if is_failure else status)
