"""MoRAG's remote jobs as one small application, its weaknesses included. Its jobs outlast it."""

import asyncio
import json
from collections.abc import Callable, MutableMapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qs

from agent.model.claim import JobStatus
from tests.simulation.call import Call
from tests.simulation.story import JobStory

ENDED = frozenset({JobStatus.COMPLETED, JobStatus.FAILED, JobStatus.CANCELLED})
PIECE = 16 * 1024
NOBODY: dict[str, Any] = dict.fromkeys(
    ("job_id", "source_file_url", "content_type", "task_options")
)


@dataclass
class RemoteJob:
    job_id: str
    story: JobStory
    status: JobStatus = JobStatus.PENDING
    begun: int = 0
    """Ingestions."""
    finished: list[str] = field(default_factory=list[str])
    """The contents that were ingested whole."""
    error: str = ""


@dataclass(frozen=True, slots=True)
class Ways:
    """How this server does what MoRAG's versions do differently."""

    has_ranges: bool
    marks_first: bool
    """Is a job called completed before its result is ingested, or after."""
    ingestion: float
    slowness: float
    """Of an answer to a poll: MoRAG's loop stands still while it ingests."""


@dataclass
class Remote:
    ways: Ways
    blame: Callable[[str], None]
    jobs: dict[str, RemoteJob] = field(default_factory=dict[str, RemoteJob])

    def add(self, story: JobStory) -> RemoteJob:
        job_id = f"job-{story.name}"
        return self.jobs.setdefault(job_id, RemoteJob(job_id, story))

    async def __call__(self, scope: MutableMapping[str, Any], receive: Any, send: Any) -> None:
        call = Call(0, "", scope["method"], f"http://server{scope['path']}", (), b"")
        body = await _body(receive)
        if body is None:
            return
        if call.verb == "poll":
            await asyncio.sleep(self.ways.slowness)
            wanted = parse_qs(scope["query_string"].decode())["content_types"][0].split(",")
            await _say(send, 200, self._claim(wanted))
            return
        job = self.jobs.get(call.remote_job)
        if job is None:
            await _say(send, 404, {"detail": "Job not found"})
        elif call.verb == "status":
            await _say(send, 200, {"job_id": job.job_id, "status": job.status.value})
        elif call.verb == "result":
            await _say(send, 200, await self._take(job, json.loads(body)))
        else:
            await self._give(job, dict(scope["headers"]), send)

    def _claim(self, wanted: list[str]) -> dict[str, Any]:
        for job in self.jobs.values():
            if job.status is JobStatus.PENDING and "audio" in wanted:
                job.status = JobStatus.PROCESSING
                url = f"/api/v1/remote-jobs/{job.job_id}/download"
                return {"job_id": job.job_id, "source_file_url": url, "content_type": "audio"}
        return NOBODY

    async def _take(self, job: RemoteJob, said: dict[str, Any]) -> dict[str, Any]:
        if job.status is JobStatus.COMPLETED:
            self.blame(f"{job.story.name} was completed, and was sent another result")
        if not said["success"]:
            job.status, job.error = JobStatus.FAILED, said["error_message"]
            return {"status": "failed", "ingestion_continued": False}
        if self.ways.marks_first:
            job.status = JobStatus.COMPLETED
        job.begun += 1
        await asyncio.sleep(self.ways.ingestion)
        job.finished.append(said["content"])
        job.status = JobStatus.COMPLETED
        if len(job.finished) > 1:
            self.blame(f"{job.story.name} was ingested twice")
        return {"status": "completed", "ingestion_continued": True}

    async def _give(self, job: RemoteJob, headers: dict[bytes, bytes], send: Any) -> None:
        if job.status is not JobStatus.PROCESSING:
            await _say(send, 403, {"detail": "Job is not in processing state"})
            return
        content = job.story.contents[0]
        asked = headers.get(b"range", b"").decode()
        start = int(asked[6:].split("-")[0]) if asked and self.ways.has_ranges else 0
        last = asked[6:].split("-")[1] if asked and self.ways.has_ranges else ""
        end = min(len(content), int(last) + 1) if last else len(content)
        more = [(b"content-disposition", f'attachment; filename="{job.story.name}.bin"'.encode())]
        if asked and self.ways.has_ranges:
            if start >= len(content):
                more.append((b"content-range", f"bytes */{len(content)}".encode()))
                await _say(send, 416, None, more)
                return
            more.append((b"content-range", f"bytes {start}-{end - 1}/{len(content)}".encode()))
        tag = b'"v1"' if self.ways.has_ranges else b"v1"
        status = 206 if asked and self.ways.has_ranges else 200
        await _stream(send, status, content[start:end], [*more, (b"etag", tag)])


async def _body(receive: Any) -> bytes | None:
    body = b""
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            return None
        body += bytes(message["body"])
        if not message["more_body"]:
            return body


async def _say(
    send: Any, status: int, said: Any, more: "list[tuple[bytes, bytes]] | None" = None
) -> None:
    body = b"" if said is None else json.dumps(said).encode()
    headers = [(b"content-type", b"application/json"), (b"content-length", str(len(body)).encode())]
    await send({"type": "http.response.start", "status": status, "headers": headers + (more or [])})
    await send({"type": "http.response.body", "body": body})


async def _stream(
    send: Any, status: int, content: bytes, headers: list[tuple[bytes, bytes]]
) -> None:
    length = (b"content-length", str(len(content)).encode())
    await send({"type": "http.response.start", "status": status, "headers": [*headers, length]})
    for at in range(0, len(content), PIECE):
        piece = content[at : at + PIECE]
        await send({"type": "http.response.body", "body": piece, "more_body": True})
    await send({"type": "http.response.body", "body": b""})
