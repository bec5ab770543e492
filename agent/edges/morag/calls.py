"""MoRAG's remote conversion API, call by call."""

import json
from collections.abc import AsyncIterator, Mapping, Sequence
from email.message import Message
from pathlib import PureWindowsPath
from typing import TypeVar
from urllib.parse import urlencode

from pydantic import BaseModel

from agent.edges.downloads import told_size
from agent.edges.http import ERROR, Connection, read_answer
from agent.edges.job_traffic import JobTraffic, nobody
from agent.edges.lanes import FreeLane
from agent.edges.morag.problems import GaveUpError, refusal
from agent.model.claim import JobStatus, NewJob, Outcome
from agent.model.errors import (
    CredentialsRefusedError,
    RequestRefusedError,
    ServerUnavailableError,
)
from agent.model.ids import AgentId, JobId, Seconds
from agent.ports import InDoubt, Lane, NotTaken, Sent, Sight, Taken
from agent.wire import morag
from agent.wire.routes import fill

CLAIM_PATIENCE = 10 * 60.0
"""Seconds. A question given up may still take a job: MoRAG's loop stands still while it ingests."""
RANGE_NOT_SATISFIABLE = 416
PIECE = 64 * 1024

Reply = TypeVar("Reply", bound=BaseModel)


class MoragCalls:
    """The `RemoteJobs` port over HTTP."""

    def __init__(
        self,
        connection: Connection,
        worker_id: AgentId,
        *,
        traffic: JobTraffic | None = None,
        lane: Lane | None = None,
    ) -> None:
        """`lane`: the way up, as its owner lends it."""
        self._connection = connection
        self._worker_id = worker_id
        self._traffic = traffic or JobTraffic(nobody)
        self._lane = lane or FreeLane()

    async def claim(self, content_types: Sequence[str]) -> NewJob | None:
        # Never more than one: of several, MoRAG hands out the first and loses the rest.
        query = {
            "worker_id": self._worker_id,
            "content_types": ",".join(content_types),
            "max_jobs": "1",
        }
        route = f"{morag.POLL}?{urlencode(query, safe=',')}"
        told = await self._ask(route, morag.Claimed, deadline=CLAIM_PATIENCE)
        if not told.job_id:
            return None
        return NewJob(
            job_id=JobId(told.job_id),
            url=told.source_file_url or fill(morag.DOWNLOAD, job_id=told.job_id),
            content_type=told.content_type or "",
            task_options=told.task_options or {},
        )

    async def status(self, job_id: JobId) -> JobStatus:
        told = await self._ask(fill(morag.STATUS, job_id=job_id), morag.JobState)
        return told.status

    async def look(self, url: str) -> Sight:
        # HEAD is not answered there.
        address = self._connection.resolve(url)
        async with self._connection.stream(
            "GET", address, headers={"Range": "bytes=0-0"}, stall=30.0
        ) as response:
            if response.status_code >= ERROR and response.status_code != RANGE_NOT_SATISFIABLE:
                body = await read_answer(response)
                raise refusal(response.status_code, response.headers, body)
            if "content-disposition" not in response.headers and response.status_code < ERROR:
                # MoRAG always has one; a hotel's page for its guests has none, and its own size.
                raise ServerUnavailableError("what answers is not the server", answered=True)
            return Sight(_filename(response.headers), told_size(response))

    async def send(self, job_id: JobId, outcome: Outcome, patience: Seconds) -> Sent:
        await self._lane.enter()
        body = _Body(_json(outcome), self._lane, self._traffic)
        url = self._connection.at(fill(morag.RESULT, job_id=job_id))
        headers = {"Content-Type": "application/json", "Content-Length": str(body.size)}
        try:
            answer = await self._connection.call(
                "PUT", url, content=body, headers=headers, deadline=patience
            )
        except (CredentialsRefusedError, RequestRefusedError) as error:
            return NotTaken(error)
        except GaveUpError as error:
            return InDoubt(error)
        except ServerUnavailableError as error:
            return NotTaken(error) if error.answered or not body.was_sent else InDoubt(error)
        try:
            taken = answer.parse(morag.ResultTaken)
            return Taken(taken.status, taken.ingestion_continued)
        except ServerUnavailableError as error:
            return InDoubt(error)

    async def _ask(self, route: str, model: type[Reply], *, deadline: float = 30.0) -> Reply:
        url = self._connection.at(route)
        answer = await self._connection.call("GET", url, deadline=deadline)
        return answer.parse(model)


class _Body:
    """A body in pieces that knows whether the last of them may have gone to the socket."""

    def __init__(self, content: bytes, lane: Lane, traffic: JobTraffic) -> None:
        self._content = content
        self._lane = lane
        self._traffic = traffic
        self.was_sent = False

    @property
    def size(self) -> int:
        return len(self._content)

    async def __aiter__(self) -> AsyncIterator[bytes]:
        size = min(PIECE, self._lane.piece)
        for start in range(0, len(self._content), size):
            piece = self._content[start : start + size]
            await self._lane.carry(len(piece))
            # The kernel may have all of the last piece although its writing is given up.
            self.was_sent = start + size >= len(self._content)
            yield piece
            # Whoever asks for more has written what came before.
            self._traffic.on_sent(len(piece))


def _filename(headers: Mapping[str, str]) -> str | None:
    """The name in a Content-Disposition (RFC 6266), without what would make it a path."""
    message = Message()
    message["Content-Disposition"] = headers.get("content-disposition", "")
    name = PureWindowsPath(message.get_filename() or "").name
    return name if name.strip(". ") else None


def _json(outcome: Outcome) -> bytes:
    """Media and file names may bring half characters, which UTF-8 cannot say."""
    result = morag.JobResult(
        success=outcome.is_success,
        content=outcome.content,
        metadata=outcome.metadata,
        error_message=outcome.error,
        processing_time=outcome.spent,
    )
    told = result.model_dump(exclude_none=True)
    return json.dumps(told, ensure_ascii=False).encode("utf-8", "replace")
