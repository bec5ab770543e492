"""What a worker of MoRAG's brings is stored as artifacts, then ends the job in one transaction."""

import asyncio
import hashlib
import json
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from functools import partial

from agent.core.morag_result import MARKDOWN, WANTED
from agent.model.ids import AgentId, Digest, JobId, JsonObject
from agent.server.problems import ProblemError
from agent.server.queue import plain
from agent.server.queue.values import Lease
from agent.server.server import Server
from agent.server.store import clients, jobs, leases, morag, uploads
from agent.server.store.morag import MoragJob
from agent.server.store.transaction import Transaction
from agent.server.store.uploads import Announced, Upload
from agent.wire.jobs import JobState
from agent.wire.leases import ManifestLine
from agent.wire.morag import JobResult
from agent.wire.problems import ProblemCode

METADATA = "metadata.json"
OTHER_CONTENT = "content.md"
"""For types that no pipeline of ours has."""
SUMMARY_MAX = 64 * 1024
"""Metadata that is larger stands in its file only, not in every view of the job."""
NO_CONTENT = "the worker sent no content"


def is_content(name: str) -> bool:
    return name == OTHER_CONTENT or name in WANTED


@dataclass(frozen=True, slots=True)
class _File:
    announced: Announced
    content: bytes = field(repr=False)


def is_failure(said: JobResult) -> bool:
    """Success without content is none: MoRAG would call the job done and ingest nothing."""
    return not said.success or not (said.content or "").strip()


async def give_up(server: Server, agent_id: AgentId, job_id: str, said: JobResult) -> MoragJob:
    message = (said.error_message or NO_CONTENT)[:4096]
    return await server.store.run(
        partial(_give_up, agent_id=agent_id, job_id=job_id, message=message)
    )


def _give_up(tx: Transaction, agent_id: AgentId, job_id: str, message: str) -> MoragJob:
    found, lease = morag.theirs(tx, agent_id, job_id)
    jobs.save(tx, found.job, plain.give_up(found.job, lease, message, tx.now, tx.numbers))
    return morag.find(tx, job_id)


async def bring(server: Server, agent_id: AgentId, job_id: str, said: JobResult) -> MoragJob:
    """The job as it is then; one that has ended before stays as it was."""
    look = partial(morag.theirs, agent_id=agent_id, job_id=job_id)
    found, lease = await server.store.run(look)
    if found.job.state is JobState.CANCELLED:
        return await give_up(server, agent_id, job_id, said)
    if found.job.has_ended:
        return found
    files = await asyncio.to_thread(_files, found, said)
    try:
        stored = [await _store(server, found.job.job_id, lease, file) for file in files]
    except ProblemError as error:
        if error.problem.code is not ProblemCode.UNKNOWN_UPLOAD:
            raise
        # Whoever ended the job meanwhile has swept away what it did not need.
        return await server.store.run(partial(morag.find, job_id=job_id))
    metrics: JsonObject = (
        {} if said.processing_time is None else {"process_s": said.processing_time}
    )
    end = partial(
        _end,
        lease=lease,
        job_id=found.job.job_id,
        manifest=tuple(_line(upload) for upload in stored),
        summary=_summary(found.job.content_type, said, files[1].content),
        metrics=metrics,
    )
    dropped = await server.store.run(end)
    for upload in dropped:
        await server.running.receiver.forget(upload)
    return await server.store.run(partial(morag.find, job_id=job_id))


def _files(found: MoragJob, said: JobResult) -> tuple[_File, _File]:
    name = MARKDOWN.get(found.job.content_type, OTHER_CONTENT)
    metadata = json.dumps(said.metadata or {}, ensure_ascii=False)
    return (
        _file(name, "text/markdown", said.content or ""),
        _file(METADATA, "application/json", metadata),
    )


def _file(name: str, media_type: str, text: str) -> _File:
    content = text.encode("utf-8", "replace")
    digest = Digest(hashlib.sha256(content).hexdigest())
    return _File(Announced(name, media_type, digest, len(content)), content)


def _summary(content_type: str, said: JobResult, metadata: bytes) -> JsonObject:
    known: JsonObject = dict(said.metadata or {}) if len(metadata) <= SUMMARY_MAX else {}
    return {"content_type": content_type, **known}


async def _store(server: Server, job_id: JobId, lease: Lease, file: _File) -> Upload:
    server.blobs.check_room(len(file.content))
    create = partial(_create, job_id=job_id, lease=lease, said=file.announced)
    upload, replaced = await server.store.run(create)
    receiver = server.running.receiver
    if replaced is not None:
        await receiver.forget(replaced)
    async with receiver.turn(upload.upload_id) as turn:
        upload = await receiver.reconcile(upload, _note)
        if not upload.is_done:
            rest = _once(file.content[upload.received :])
            upload = await receiver.append(upload, rest, turn, _note)
    return upload


def _create(
    tx: Transaction, job_id: JobId, lease: Lease, said: Announced
) -> tuple[Upload, Upload | None]:
    clients.find(tx, job_id)
    return uploads.create(tx, job_id, lease.origin, said)


async def _once(content: bytes) -> AsyncIterator[bytes]:
    if content:
        yield content


def _note(tx: Transaction, upload: Upload, sha256: Digest | None) -> None:
    if uploads.find(tx, upload.upload_id) is None:
        raise ProblemError(ProblemCode.UNKNOWN_UPLOAD, "the job has ended meanwhile")
    if sha256 is None:
        uploads.note_received(tx, upload)
    else:
        uploads.note_done(tx, upload, sha256)


def _line(upload: Upload) -> ManifestLine:
    return ManifestLine(
        name=upload.name,
        media_type=upload.media_type,
        size=upload.length,
        sha256=upload.sha256 or "",
    )


def _end(
    tx: Transaction,
    job_id: JobId,
    lease: Lease,
    manifest: tuple[ManifestLine, ...],
    summary: JsonObject,
    metrics: JsonObject,
) -> tuple[Upload, ...]:
    """Everything is on disk. Somebody else may have ended the job since."""
    job = clients.find(tx, job_id)
    if job.has_ended:
        return leases.drop_origin(tx, job, lease)
    done = plain.bring(job, job.lease(lease.lease_id), tx.now, tx.numbers)
    leases.note_result(tx, job_id, manifest, summary, metrics)
    jobs.save(tx, job, done)
    return leases.drop_the_rest(tx, done, lease, manifest)
