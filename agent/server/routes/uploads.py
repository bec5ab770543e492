"""tus 1.0.0 at two addresses: an attempt's artifacts, and the input of a client's job."""

from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, replace
from functools import partial

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from agent.model.ids import Digest
from agent.server import tus
from agent.server.auth import Client, ServerDep
from agent.server.problems import ProblemError
from agent.server.receiving import Note
from agent.server.routes.leases import SpeakerDep
from agent.server.routes.links import link
from agent.server.server import Server
from agent.server.store import clients, leases, uploads
from agent.server.store.leases import Caller
from agent.server.store.transaction import Transaction
from agent.server.store.uploads import Upload
from agent.wire import routes
from agent.wire.problems import ProblemCode

router = APIRouter(tags=["uploads"], default_response_class=Response)
OVERRIDE = "x-http-method-override"


@dataclass(frozen=True, slots=True)
class _Place:
    """One upload: how it is found (which checks the right to it), noted and removed."""

    find: Callable[[Transaction], Upload]
    note: Note
    remove: Callable[[Transaction, Upload], None]


@router.options(routes.ARTIFACTS, status_code=204)
@router.options(routes.ARTIFACT_UPLOAD, status_code=204)
@router.options(routes.JOB_UPLOAD, status_code=204)
async def options(server: ServerDep) -> Response:
    """What this server knows of tus."""
    return Response(status_code=204, headers=tus.options(server.settings.max_upload_bytes))


@router.post(routes.ARTIFACTS, status_code=201)
async def create(request: Request, server: ServerDep, speaker: SpeakerDep) -> Response:
    """Same name and digest: the same upload. Another digest: in place of the one before."""
    tus.check_version(request.headers)
    caller = speaker.with_boot()
    said = tus.announced(request.headers, server.settings.max_upload_bytes)
    await server.store.run(partial(leases.touch, caller=caller))
    server.blobs.check_room(said.length)
    upload, replaced = await server.store.run(partial(_create_artifact, caller=caller, said=said))
    if replaced is not None:
        await server.running.receiver.forget(replaced)
    place = _artifact_place(caller, upload.upload_id)
    upload = await _first_bytes(request, server, upload.upload_id, place)
    names = {"lease_id": caller.lease_id, "upload_id": upload.upload_id}
    location = link(request, routes.ARTIFACT_UPLOAD, **names)
    headers = tus.RESUMABLE | {"Location": location, "Upload-Offset": str(upload.received)}
    return Response(status_code=201, headers=headers)


def _create_artifact(
    tx: Transaction, caller: Caller, said: uploads.Announced
) -> tuple[Upload, Upload | None]:
    job, lease = leases.touch(tx, caller)
    return uploads.create(tx, job.job_id, lease.origin, said)


async def _first_bytes(request: Request, server: Server, upload_id: str, place: _Place) -> Upload:
    """Creation with upload; an empty file is whole at once."""
    has_type = "content-type" in request.headers
    if has_type:
        tus.check_content_type(request.headers)
    receiver = server.running.receiver
    async with receiver.turn(upload_id) as turn:
        upload = await _current(server, place)
        if upload.is_done or (not has_type and upload.length) or upload.received:
            return upload
        body = request.stream() if has_type else _nothing()
        checksum = tus.checksum(request.headers)
        return await receiver.append(upload, body, turn, place.note, checksum)


async def finish_empty_input(server: Server, job_id: str) -> None:
    """An input of no bytes is whole as soon as it is announced: nobody sends it."""
    await take_input(server, job_id, _nothing())


async def take_input(server: Server, job_id: str, stream: AsyncIterator[bytes]) -> None:
    """All of an input at once, from its first byte; nothing is read where it is whole already."""
    place = _input_place(job_id)
    upload = await server.store.run(place.find)
    receiver = server.running.receiver
    async with receiver.turn(upload.upload_id) as turn:
        upload = await _current(server, place)
        if not upload.is_done:
            await receiver.append(replace(upload, received=0), stream, turn, place.note)


async def _nothing() -> AsyncIterator[bytes]:
    empty: tuple[bytes, ...] = ()
    for block in empty:
        yield block


@router.head(routes.ARTIFACT_UPLOAD)
@router.patch(routes.ARTIFACT_UPLOAD, status_code=204)
@router.delete(routes.ARTIFACT_UPLOAD, status_code=204)
@router.post(routes.ARTIFACT_UPLOAD, include_in_schema=False)
async def artifact(
    request: Request, server: ServerDep, speaker: SpeakerDep, upload_id: str
) -> Response:
    """`HEAD`, `PATCH` and `DELETE` of tus, for one artifact."""
    tus.check_version(request.headers)
    place = _artifact_place(speaker.with_boot(), upload_id)
    return await _METHOD[_method(request)](request, server, place)


@router.head(routes.JOB_UPLOAD, dependencies=[Client])
@router.patch(routes.JOB_UPLOAD, status_code=204, dependencies=[Client])
@router.delete(routes.JOB_UPLOAD, status_code=204, dependencies=[Client])
@router.post(routes.JOB_UPLOAD, include_in_schema=False, dependencies=[Client])
async def job_input(request: Request, server: ServerDep, job_id: str) -> Response:
    """`HEAD`, `PATCH` and `DELETE` of tus, for the input of a job."""
    tus.check_version(request.headers)
    return await _METHOD[_method(request)](request, server, _input_place(job_id))


def _method(request: Request) -> str:
    method = request.headers.get(OVERRIDE, request.method).upper()
    if method not in _METHOD:
        raise ProblemError(ProblemCode.BAD_REQUEST, "no such method here", status=405)
    return method


async def _head(_request: Request, server: Server, place: _Place) -> Response:
    """Ends a dead connection's turn first: the offset it tells is final."""
    upload = await server.store.run(place.find)
    async with server.running.receiver.turn(upload.upload_id):
        upload = await _current(server, place)
        return Response(status_code=200, headers=tus.status_of(upload))


async def _patch(request: Request, server: Server, place: _Place) -> Response:
    tus.check_content_type(request.headers)
    offset = tus.number(request.headers, "Upload-Offset")
    checksum = tus.checksum(request.headers)
    upload = await server.store.run(place.find)
    receiver = server.running.receiver
    async with receiver.turn(upload.upload_id) as turn:
        upload = await _current(server, place)
        if offset != upload.received:
            raise tus.offset_mismatch(upload)
        if not upload.is_done:
            server.blobs.check_room(0)
            upload = await receiver.append(upload, request.stream(), turn, place.note, checksum)
    headers = tus.RESUMABLE | {"Upload-Offset": str(upload.received)}
    return Response(status_code=204, headers=headers)


async def _delete(_request: Request, server: Server, place: _Place) -> Response:
    upload = await server.store.run(place.find)
    receiver = server.running.receiver
    async with receiver.turn(upload.upload_id):
        await server.store.run(lambda tx: place.remove(tx, place.find(tx)))
        await receiver.forget(upload)
    return Response(status_code=204, headers=tus.RESUMABLE)


_METHOD: dict[str, Callable[[Request, Server, _Place], Awaitable[Response]]] = {
    "HEAD": _head,
    "PATCH": _patch,
    "DELETE": _delete,
}


async def _current(server: Server, place: _Place) -> Upload:
    upload = await server.store.run(place.find)
    return await server.running.receiver.reconcile(upload, place.note)


def _artifact_place(caller: Caller, upload_id: str) -> _Place:
    def find(tx: Transaction) -> Upload:
        job, lease = leases.touch(tx, caller)
        upload = uploads.find(tx, upload_id)
        if upload is None or (upload.job_id, upload.origin) != (job.job_id, lease.origin):
            raise ProblemError(ProblemCode.UNKNOWN_UPLOAD, "no such upload")
        return upload

    def note(tx: Transaction, upload: Upload, sha256: Digest | None) -> None:
        find(tx)
        _note(tx, upload, sha256)

    return _Place(find, note, uploads.delete)


def _note(tx: Transaction, upload: Upload, sha256: Digest | None) -> None:
    if sha256 is None:
        uploads.note_received(tx, upload)
    else:
        uploads.note_done(tx, upload, sha256)


def _input_place(job_id: str) -> _Place:
    def find(tx: Transaction) -> Upload:
        clients.find(tx, job_id)
        return clients.input_upload(tx, job_id)

    def note(tx: Transaction, upload: Upload, sha256: Digest | None) -> None:
        find(tx)
        if sha256 is None:
            uploads.note_received(tx, upload)
        else:
            clients.input_arrived(tx, upload, sha256)

    return _Place(find, note, clients.drop_input)
