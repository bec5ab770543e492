"""Section 8: what clients ask for."""

import base64
import binascii
import json
from functools import partial
from typing import Annotated

from fastapi import APIRouter, Query
from pydantic import JsonValue
from starlette.requests import Request
from starlette.responses import Response

from agent.server.auth import Client, ServerDep
from agent.server.bodies import JsonRoute
from agent.server.digits import number_in
from agent.server.problems import ProblemError, invalid
from agent.server.routes.links import link
from agent.server.routes.uploads import finish_empty_input
from agent.server.routes.views import job_info
from agent.server.sending import Content, send
from agent.server.store import clients
from agent.wire import routes
from agent.wire.base import MAX_OPTIONS
from agent.wire.jobs import JobCreated, JobInfo, JobList, JobState, NewJob
from agent.wire.problems import ProblemCode

router = APIRouter(route_class=JsonRoute, tags=["jobs"], dependencies=[Client])
MAX_PAGE = 200


@router.post(routes.JOBS, status_code=201)
async def submit(
    request: Request, response: Response, server: ServerDep, body: NewJob
) -> JobCreated:
    """A job; its input follows at `upload`, unless it is held elsewhere."""
    _check_options(body.options)
    if body.input_url is None:
        if (body.size or 0) > server.settings.max_upload_bytes:
            limit = server.settings.max_upload_bytes
            raise ProblemError(ProblemCode.TOO_LARGE, f"an input is at most {limit} bytes")
        server.blobs.check_room(body.size or 0)
    submitted = await server.store.run(partial(clients.submit, said=body))
    response.status_code = 201 if submitted.is_new else 200
    job = submitted.job
    if submitted.has_upload and body.size == 0:
        await finish_empty_input(server, job.job_id)
        job = await server.store.run(partial(clients.find, job_id=job.job_id))
    upload = link(request, routes.JOB_UPLOAD, job_id=job.job_id) if submitted.has_upload else None
    return JobCreated(job_id=job.job_id, state=job.state, upload=upload)


def _check_options(options: dict[str, JsonValue]) -> None:
    if len(json.dumps(options, ensure_ascii=False).encode("utf-8", "replace")) > MAX_OPTIONS:
        raise ProblemError(ProblemCode.TOO_LARGE, f"options are at most {MAX_OPTIONS} bytes")


@router.get(routes.JOBS)
async def list_jobs(
    server: ServerDep,
    state: JobState | None = None,
    limit: Annotated[int, Query(ge=1, le=MAX_PAGE)] = 50,
    cursor: str | None = None,
) -> JobList:
    """The newest first."""
    before = None if cursor is None else _position(cursor)
    page = partial(clients.page, state=state, limit=limit, before=before)
    views, following = await server.store.run(page)
    return JobList(
        jobs=tuple(job_info(view) for view in views),
        next=None if following is None else _cursor(following),
    )


def _cursor(position: int) -> str:
    return base64.urlsafe_b64encode(str(position).encode()).decode().rstrip("=")


def _position(cursor: str) -> int:
    try:
        text = base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)).decode("ascii")
    except (binascii.Error, ValueError):
        text = ""
    position = number_in(text)
    if position is None:
        raise invalid("cursor", "not one of ours")
    return position


@router.get(routes.JOB)
async def get_job(server: ServerDep, job_id: str) -> JobInfo:
    """State, attempts, and the result once there is one."""
    return job_info(await server.store.run(partial(clients.view, job_id=job_id)))


@router.post(routes.JOB_CANCEL)
async def cancel(server: ServerDep, job_id: str) -> JobInfo:
    """Whoever holds it is told at its next renewal; asked twice, it is told to hurry."""
    await server.store.run(partial(clients.cancel, job_id=job_id))
    return await get_job(server, job_id)


@router.post(routes.JOB_RETRY)
async def retry(server: ServerDep, job_id: str) -> JobInfo:
    """Queue a failed or cancelled job again, with a fresh set of attempts."""
    await server.store.run(partial(clients.retry, job_id=job_id))
    return await get_job(server, job_id)


@router.delete(routes.JOB, status_code=204)
async def remove(server: ServerDep, job_id: str) -> Response:
    """The job and its files."""
    removed = await server.store.run(partial(clients.remove, job_id=job_id))
    await server.remove_files(removed)
    return Response(status_code=204)


@router.get(routes.JOB_ARTIFACT, response_class=Response)
@router.head(routes.JOB_ARTIFACT, response_class=Response)
async def get_artifact(request: Request, server: ServerDep, job_id: str, name: str) -> Response:
    """A result file; ranges, strong ETag."""
    find = partial(clients.artifact, job_id=job_id, name=name)
    upload = await server.store.run(find)
    content = Content(
        path=server.blobs.path(upload),
        size=upload.length,
        sha256=upload.sha256 or "",
        media_type=upload.media_type,
        filename=name.rpartition("/")[2],
    )
    missing = ProblemError(ProblemCode.UNKNOWN_ARTIFACT, "the file of this artifact is missing")
    return await send(request, content, server.metrics.bytes_out.inc, missing)
