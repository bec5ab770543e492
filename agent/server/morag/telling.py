"""Tells `on_result` of each finished job: at least once, and never again after it returned.

"Once" is on disk. Between the end of a call and the note of it lies a moment in which the process
can die: then the next start calls once more, so `on_result` must bear the same job twice.
"""

import asyncio
import inspect
import json
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import structlog

from agent.core.backoff import SteadyBackoff
from agent.core.morag_result import WANTED, Told, told
from agent.model.ids import JobId, JsonObject, Seconds
from agent.server.bugs import place_of
from agent.server.morag.results import METADATA, is_content
from agent.server.problems import ProblemError
from agent.server.queue.plain import is_plain
from agent.server.queue.values import Lease, Moment, Phase
from agent.server.server import Server
from agent.server.settings import MoragSettings, OnResult
from agent.server.store import clients, morag, uploads
from agent.server.store.clients import JobView
from agent.server.store.morag import EMPTY, TOLD, MoragJob
from agent.server.store.transaction import Transaction
from agent.server.store.uploads import Upload

LOOK_EVERY_S = 1.0
CLOSE_WITHIN_S = 5.0
"""A call that is under way when the server stops has this long to end."""
BACKOFF = SteadyBackoff(Seconds(1.0), Seconds(300.0))


@dataclass(frozen=True, slots=True)
class _Finished:
    found: MoragJob
    view: JobView
    lease: Lease
    uploads: tuple[Upload, ...]

    @property
    def summary(self) -> JsonObject:
        summary: JsonObject = json.loads(self.view.result[1])
        return summary

    @property
    def processing_time(self) -> float:
        metrics = json.loads(self.view.result[2])
        spent = metrics.get("process_s", self.summary.get("processing_time"))
        return float(spent) if isinstance(spent, int | float) else 0.0


class Teller:
    def __init__(self, server: Server, settings: MoragSettings, on_result: OnResult) -> None:
        self._server = server
        self._at_once = settings.results_at_once
        self._on_result = on_result
        self._active: dict[JobId, asyncio.Task[None]] = {}
        self._log = structlog.get_logger("agent.server.morag")

    async def run(self) -> None:
        news = self._server.results
        while True:
            news.clear()
            with suppress(ProblemError):  # the database cannot be written now; the sweep tells it
                await self._begin_due()
            with suppress(TimeoutError):
                async with asyncio.timeout(LOOK_EVERY_S):
                    await news.wait()

    async def _begin_due(self) -> None:
        free = self._at_once - len(self._active)
        if free <= 0:
            return
        look = partial(morag.due, limit=free, but_not=tuple(self._active))
        for job_id in await self._server.store.run(look):
            task = asyncio.create_task(self._tell(job_id))
            self._active[job_id] = task
            task.add_done_callback(partial(self._ended, job_id))

    def _ended(self, job_id: JobId, task: "asyncio.Task[None]") -> None:
        del self._active[job_id]
        self._server.results.set()
        if not task.cancelled() and (error := task.exception()) is not None:
            self._log.error("loop.broken", error=type(error).__name__, where=place_of(error))

    async def close(self) -> None:
        """What is still going on is begun again by the next start."""
        tasks = tuple(self._active.values())
        if tasks:
            await asyncio.wait(tasks, timeout=CLOSE_WITHIN_S)
        for task in tasks:
            task.cancel()
        if tasks:
            await asyncio.wait(tasks)

    async def _tell(self, job_id: JobId) -> None:
        try:
            finished = await self._server.store.run(partial(_load, job_id=job_id))
            result = await asyncio.to_thread(self._read, finished)
            if result is not None:
                await self._call(finished, result)
        except Exception as error:  # noqa: BLE001 - what it calls is somebody else's
            await self._postpone(job_id, error)
        else:
            if result is None:
                self._log.warning("result.empty", job=job_id)
            await self._note(job_id, EMPTY if result is None else TOLD)

    def _read(self, finished: _Finished) -> Told | None:
        path = self._server.blobs.path
        if is_plain(finished.lease):
            return _as_brought({u.name: path(u) for u in finished.uploads})
        files = {u.name: path(u).read_bytes() for u in finished.uploads if u.name in WANTED}
        job, spec = finished.view.job, finished.view.spec
        return told(job.content_type, spec.filename, files, finished.summary)

    async def _call(self, finished: _Finished, result: Told) -> None:
        found = finished.found
        call: Callable[[], object] = partial(
            self._on_result,
            job_id=found.job.job_id,
            ingestion_task_id=found.ingestion_task_id,
            content=result.content,
            metadata=result.metadata,
            processing_time=finished.processing_time,
            task_options=json.loads(found.task_options),
        )
        is_async = inspect.iscoroutinefunction(self._on_result)
        answer = call() if is_async else await asyncio.to_thread(call)
        if inspect.isawaitable(answer):
            await answer
        self._log.info("result.told", job=found.job.job_id)

    async def _postpone(self, job_id: JobId, error: Exception) -> None:
        """Where it went wrong is logged, not what: messages carry users' secrets."""
        with suppress(ProblemError):  # then it is due already
            found = await self._server.store.run(partial(morag.find, job_id=job_id))
            pause = BACKOFF.delay(found.tries)
            until = Moment(self._server.now + pause)
            await self._server.store.run(partial(morag.postpone, job_id=job_id, until=until))
            name, where = type(error).__name__, place_of(error)
            self._log.error("result.refused", job=job_id, error=name, where=where, again_s=pause)
            return
        await asyncio.sleep(LOOK_EVERY_S)

    async def _note(self, job_id: JobId, outcome: str) -> None:
        """For as long as it takes: a disk that is full must not have it told again."""
        note = partial(morag.note_told, job_id=job_id, outcome=outcome)
        while True:
            try:
                await self._server.store.run(note)
            except ProblemError:
                await asyncio.sleep(LOOK_EVERY_S)
            else:
                return


def _load(tx: Transaction, job_id: JobId) -> _Finished:
    found = morag.find(tx, job_id)
    lease = next(lease for lease in found.job.leases if lease.phase is Phase.COMPLETED)
    files = tuple(uploads.of_origin(tx, job_id, lease.origin))
    return _Finished(found, clients.view(tx, job_id), lease, files)


def _as_brought(files: Mapping[str, Path]) -> Told | None:
    """Word for word what MoRAG's own worker sent."""
    content = next((path for name, path in files.items() if is_content(name)), None)
    if content is None:
        return None
    metadata: JsonObject = {}
    if METADATA in files:
        metadata = json.loads(files[METADATA].read_bytes())
    return Told(content.read_bytes().decode(), metadata)
