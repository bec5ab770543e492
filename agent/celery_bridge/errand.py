"""One task's way to the server and back: create the job, send the file, wait, fetch the text."""

import asyncio
import hashlib
from collections.abc import Callable, Sequence
from contextlib import aclosing
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from agent.celery_bridge.order import Order, WrongOrderError
from agent.celery_bridge.reply import failure, success
from agent.celery_bridge.source import opened, path_of
from agent.core.morag_result import WANTED, told
from agent.edges.jobs_client import JobsClient
from agent.model.errors import InputCorruptError, RequestRefusedError
from agent.model.ids import JobId, JsonObject, Seconds
from agent.server.morag.sources import Source
from agent.wire.jobs import JobEvent, JobInfo, JobState, NewJob

LONGEST_KEY = 255
BEING_WRITTEN = "the file at file_path is being written to: send the task when it is whole"

Note = Callable[[JsonObject], None]
"""Has the caller see, some time soon, how far its task is."""


@dataclass(frozen=True, slots=True)
class Access:
    """What every errand of this bridge has in common."""

    client: JobsClient
    folders: Sequence[Path]
    but_not: Path
    """The server's own folder: its files are other people's inputs."""


@dataclass(frozen=True, slots=True)
class Task:
    """What of a Celery task becomes a job."""

    task_id: str
    queue: str
    order: Order
    user_id: str | None
    timeout: Seconds | None

    @property
    def key(self) -> str:
        """The same for each delivery of the task, so that all of them are one job."""
        key = f"celery:{self.task_id}"
        if len(key) <= LONGEST_KEY:
            return key
        return f"celery-sha256:{hashlib.sha256(key.encode('utf-8', 'replace')).hexdigest()}"


class Errand:
    """Repeatable from its beginning at any time: whatever is done already is found, not doubled."""

    def __init__(self, access: Access, task: Task, note: Note) -> None:
        self._access = access
        self._task = task
        self._note = note
        self.job_id: JobId | None = None
        self.is_begun = False
        """An agent has been seen at work on it."""

    async def run(self) -> JsonObject:
        """The caller's reply. Raises the `ServerError` after which another try makes sense."""
        try:
            if self.job_id is None:
                self.job_id = await self.bring(is_sent=True)
            await self._follow(self.job_id)
            return await self._reply(await self._access.client.job(self.job_id))
        except (WrongOrderError, InputCorruptError) as error:
            return failure(str(error), self._task.user_id)
        except RequestRefusedError as error:
            return failure(f"the job server refuses it: {error}", self._task.user_id)

    async def bring(self, *, is_sent: bool) -> JobId:
        """The task's job, made where there is none yet; `is_sent`: with its file."""
        access, order = self._access, self._task.order
        with opened(order.file_path, access.folders, access.but_not) as source:
            created = await access.client.create(self._job(source))
            job_id = JobId(created.job_id)
            if is_sent and created.state is JobState.CREATED and created.upload is not None:
                await access.client.upload(
                    created.upload, path_of(source), source.size, lambda _done: None
                )
                if not source.is_unchanged():
                    await access.client.cancel(job_id)
                    raise WrongOrderError(BEING_WRITTEN)
        return job_id

    async def call_off(self) -> None:
        """Cancel the job, whether this bridge has made it or one before."""
        try:
            job_id = self.job_id or await self.bring(is_sent=False)
            await self._access.client.cancel(job_id)
        except (WrongOrderError, RequestRefusedError):
            return  # there is no such job, and cannot be

    def _job(self, source: Source) -> NewJob:
        return NewJob(
            content_type=self._task.order.content_type,
            filename=source.filename[:1024],
            size=source.size,
            queue=self._task.queue,
            options=self._task.order.options,
            timeout_s=self._task.timeout,
            idempotency_key=self._task.key,
        )

    async def _follow(self, job_id: JobId) -> None:
        self._note({"job_id": job_id, "stage": "queued"})
        async with aclosing(self._access.client.follow(job_id)) as news:
            async for event in news:
                self.is_begun = event.attempt is not None
                self._note(_progress(event))

    async def _reply(self, job: JobInfo) -> JsonObject:
        spent = job.metrics.get("process_s")
        seconds = float(spent) if isinstance(spent, int | float) else 0.0
        user_id = self._task.user_id
        if job.state is not JobState.COMPLETED:
            return failure(_why(job), user_id, seconds)
        with TemporaryDirectory(prefix="morag-celery-") as folder:
            artifacts = await self._fetched(job, Path(folder))
        text = told(job.content_type, job.filename, artifacts, dict(job.summary))
        if text is None:
            return failure("the file holds nothing that could be told", user_id, seconds)
        return success(text, seconds, user_id)

    async def _fetched(self, job: JobInfo, folder: Path) -> dict[str, bytes]:
        wanted = [line for line in job.artifacts if line.name in WANTED]
        found: dict[str, bytes] = {}
        for line in wanted:
            file = await self._access.client.artifact(
                JobId(job.job_id), line, folder, lambda _done: None
            )
            found[line.name] = await asyncio.to_thread(file.read_bytes)
        return found


def _progress(event: JobEvent) -> JsonObject:
    return {
        "job_id": event.job_id,
        "stage": event.stage or event.state.value,
        "progress": event.progress,
        "message": event.message,
        "attempt": event.attempt,
    }


def _why(job: JobInfo) -> str:
    if job.state is JobState.CANCELLED:
        return "the job was cancelled at the server"
    return f"{job.code}: {job.message}" if job.message else f"{job.code}"
