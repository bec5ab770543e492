"""Section 8 of the protocol as people's verbs speak it: jobs in, news and results out."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import aclosing
from pathlib import Path
from urllib.parse import urlencode

from pydantic import ValidationError

from agent.edges.downloads import HttpInputSource
from agent.edges.http import ERROR, Answer, Connection
from agent.edges.job_files import OnBytes, fetch, send
from agent.edges.problems import error_of
from agent.edges.sse import events
from agent.edges.tus import TusClient
from agent.model.errors import ServerUnavailableError
from agent.model.ids import JobId
from agent.wire import routes
from agent.wire.fleet import AgentInfo, AgentList
from agent.wire.jobs import ENDED, Health, JobCreated, JobEvent, JobInfo, JobList, NewJob
from agent.wire.leases import ManifestLine

LONGEST_PAGE = 100
PATIENCE = 12
"""Failures in a row before the wait for a job is given up: about five minutes."""
LONGEST_REST = 30.0


class JobsClient:
    """Every call raises the `ServerError` that the answer, or its absence, stands for."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    async def health(self) -> Health:
        return (await self._call("GET", routes.HEALTH)).parse(Health)

    async def create(self, job: NewJob) -> JobCreated:
        url = self._connection.at(routes.JOBS)
        return (await self._connection.call("POST", url, json=job)).parse(JobCreated)

    async def upload(self, url: str, file: Path, size: int, on_bytes: OnBytes) -> None:
        """Send `size` bytes of `file`, going on where the server says it is."""
        await send(TusClient(self._connection), self._connection.resolve(url), file, size, on_bytes)

    async def job(self, job_id: JobId) -> JobInfo:
        return (await self._call("GET", routes.JOB, job_id=job_id)).parse(JobInfo)

    async def jobs(self, *, state: str | None = None, limit: int = 50) -> tuple[JobInfo, ...]:
        """At most `limit`, in the server's order."""
        found: list[JobInfo] = []
        cursor: str | None = None
        while len(found) < limit:
            page = await self._page(state, min(LONGEST_PAGE, limit - len(found)), cursor)
            found += page.jobs
            cursor = page.next
            if cursor is None:
                break
        return tuple(found)

    async def agents(self) -> tuple[AgentInfo, ...]:
        """The fleet: everybody who ever said hello."""
        return (await self._call("GET", routes.AGENTS)).parse(AgentList).agents

    async def cancel(self, job_id: JobId) -> None:
        await self._call("POST", routes.JOB_CANCEL, job_id=job_id)

    async def retry(self, job_id: JobId) -> None:
        await self._call("POST", routes.JOB_RETRY, job_id=job_id)

    async def remove(self, job_id: JobId) -> None:
        await self._call("DELETE", routes.JOB, job_id=job_id)

    async def artifact(
        self, job_id: JobId, line: ManifestLine, folder: Path, on_bytes: OnBytes
    ) -> Path:
        """Download one result; its name, checked by the wire, cannot lead out of `folder`."""
        target = folder / line.name
        url = (
            self._connection.at(routes.fill(routes.JOB, job_id=job_id)) + f"/artifacts/{line.name}"
        )
        await fetch(HttpInputSource(self._connection), url, line, target, on_bytes)
        return target

    async def follow(self, job_id: JobId) -> AsyncGenerator[JobEvent, None]:
        """The job's news until it has ended; a cut of the stream is bridged by asking.

        Old news may come again after a cut.
        """
        failures = 0
        while True:
            try:
                async with aclosing(self._stream_then_state(job_id)) as news:
                    async for event in news:
                        failures = 0
                        yield event
                        if event.state in ENDED:
                            return
            except ServerUnavailableError:
                failures += 1
                if failures >= PATIENCE:
                    raise
            await asyncio.sleep(min(LONGEST_REST, 2.0**failures))

    async def _stream_then_state(self, job_id: JobId) -> AsyncGenerator[JobEvent, None]:
        async with aclosing(self._stream(job_id)) as stream:
            async for event in stream:
                yield event
        yield _as_event(await self.job(job_id))

    async def _stream(self, job_id: JobId) -> AsyncGenerator[JobEvent, None]:
        url = self._connection.at(routes.fill(routes.JOB_EVENTS, job_id=job_id))
        headers = {"Accept": "text/event-stream"}
        async with self._connection.stream("GET", url, headers=headers) as response:
            if response.status_code >= ERROR:
                raise error_of(response.status_code, response.headers, await response.aread())
            async for told in events(response.aiter_raw()):
                yield _parsed(told)

    async def _page(self, state: str | None, limit: int, cursor: str | None) -> JobList:
        asked = {"state": state, "limit": str(limit), "cursor": cursor}
        query = urlencode({key: value for key, value in asked.items() if value is not None})
        url = f"{self._connection.at(routes.JOBS)}?{query}"
        return (await self._connection.call("GET", url)).parse(JobList)

    async def _call(self, method: str, route: str, **names: str) -> Answer:
        url = self._connection.at(routes.fill(route, **names))
        return await self._connection.call(method, url)


def _parsed(told: str) -> JobEvent:
    try:
        return JobEvent.model_validate_json(told)
    except ValidationError as error:
        raise ServerUnavailableError("the event stream is garbled", answered=True) from error


def _as_event(job: JobInfo) -> JobEvent:
    last = job.attempts[-1] if job.attempts else None
    return JobEvent(
        job_id=job.job_id,
        state=job.state,
        attempt=last.number if last else None,
        agent_id=last.agent_id if last else None,
        stage=last.stage if last else None,
        progress=last.progress if last else None,
        message=(last.message if last else "")[:4096],
        code=job.code,
    )
