"""The remote-jobs API for those who create jobs, and for whoever asks how they are."""

import asyncio
from contextlib import ExitStack, suppress
from functools import partial

from fastapi import APIRouter
from pydantic import ValidationError

from agent.core.morag_options import options_of
from agent.model.ids import JobId
from agent.server.auth import ServerDep
from agent.server.morag.desk import Desk, DeskDep
from agent.server.morag.keys import Creator, Key, agent_in
from agent.server.morag.route import OldRoute
from agent.server.morag.sources import Source, blocks, open_source
from agent.server.morag.words import naive, state_of
from agent.server.problems import ProblemError
from agent.server.queue.values import Job
from agent.server.routes.uploads import take_input
from agent.server.server import Server
from agent.server.store import clients, morag
from agent.wire import jobs as wire
from agent.wire.jobs import JobState
from agent.wire.morag import CREATE, STATUS, JobCreated, NewJob
from agent.wire.morag import JobState as OldState
from agent.wire.problems import ProblemCode

router = APIRouter(route_class=OldRoute, tags=["remote-jobs"])


@router.post(CREATE, dependencies=[Creator])
async def create(server: ServerDep, desk: DeskDep, body: NewJob) -> JobCreated:
    """Answered once the file is taken in whole: what becomes of it afterwards does not matter.

    The same request for the same `ingestion_task_id` again is the same job, unless that failed.
    """
    job = await server.store.run(partial(morag.made_before, said=body))
    if job is None or job.state is JobState.CREATED:
        job = await _make(server, desk, body)
    return JobCreated(job_id=job.job_id, created_at=naive(job.created_at))


async def _make(server: Server, desk: Desk, body: NewJob) -> Job:
    opened = partial(
        open_source, body.source_file_path, desk.settings.input_folders, server.settings.folder
    )
    with ExitStack() as kept:
        source = await asyncio.to_thread(opened)
        kept.callback(source.close)
        _check_size(server, source)
        new = _as_ours(desk, body, source)
        is_awaited = desk.settings.on_result is not None
        make = partial(morag.create, said=body, job=new, is_awaited=is_awaited)
        job = await server.store.run(make)
        if job.state is JobState.CREATED:
            if job.job_id not in desk.takings:
                kept.pop_all()  # closed when it is read
            await desk.take(job.job_id, partial(_take, server, desk, job.job_id, source))
    return job


def _check_size(server: Server, source: Source) -> None:
    limit = server.settings.max_upload_bytes
    if source.size > limit:
        raise ProblemError(ProblemCode.TOO_LARGE, f"an input is at most {limit} bytes")
    server.blobs.check_room(source.size)


def _as_ours(desk: Desk, body: NewJob, source: Source) -> wire.NewJob:
    try:
        return wire.NewJob(
            content_type=body.content_type,
            filename=source.filename,
            size=source.size,
            queue=desk.settings.queue,
            options=options_of(body.content_type, body.task_options),
            max_attempts=desk.settings.max_attempts,
        )
    except ValidationError as error:
        field = ".".join(str(part) for part in error.errors()[0]["loc"])
        raise ProblemError(ProblemCode.INVALID, f"{field} is not one that a job can have") from None


async def _take(server: Server, desk: Desk, job_id: JobId, source: Source) -> None:
    try:
        async with desk.room:
            await take_input(server, job_id, blocks(source))
    except ProblemError:
        with suppress(ProblemError):
            await server.store.run(partial(clients.remove, job_id=job_id))
            await server.remove_files(job_id)
        raise
    finally:
        source.close()


@router.get(STATUS)
async def status(server: ServerDep, desk: DeskDep, key: Key, job_id: str) -> OldState:
    """For every client, and for the workers that had the job: whose it is has its time anew."""
    agent_id = agent_in(key)
    if agent_id is None:
        return state_of(await server.store.run(partial(morag.find, job_id=job_id)))
    ask = partial(morag.ask_after, agent_id=agent_id, job_id=job_id, lease_s=desk.lease_s)
    found, _lease = await server.store.run(ask)
    return state_of(found)
