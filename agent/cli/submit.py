"""`submit`: files become jobs; with `--wait` their results come back."""

import asyncio
import sys
from argparse import ArgumentParser, Namespace
from collections.abc import Sequence
from contextlib import aclosing
from functools import partial
from pathlib import Path

from agent.cli import orders
from agent.cli.clients import with_client
from agent.cli.exit_codes import ExitCode
from agent.cli.orders import Order, orders_of
from agent.cli.progress import Watcher, watching
from agent.cli.verbs import Call
from agent.cli.waiting import Patience
from agent.edges.display import printable
from agent.edges.jobs_client import JobsClient
from agent.model.errors import AgentError
from agent.model.ids import JobId
from agent.wire.jobs import ENDED, JobCreated, JobInfo, JobState


def add_arguments(parser: ArgumentParser) -> None:
    parser.add_argument("files", nargs="+", type=Path, metavar="FILE")
    parser.add_argument("--wait", action="store_true", help="until the jobs have ended")
    parser.add_argument(
        "--out",
        type=Path,
        metavar="DIR",
        help="put the results here (means --wait); of several files, each into its own folder",
    )
    orders.add_arguments(parser)


def run(call: Call) -> int:
    wanted = orders_of(call.arguments)
    sent = _Sent()
    try:
        with watching() as watcher:
            jobs = with_client(
                call.loaded.settings,
                lambda client: _all(_Talk(client, watcher, sent), wanted, call.arguments),
            )
    except KeyboardInterrupt:
        sent.tell_what_goes_on(wanted)
        sent.tell_what_is_missing(wanted)
        raise
    except AgentError:
        sent.tell_what_goes_on(wanted)
        raise
    for order, job in zip(wanted, jobs, strict=True):
        _tell(order, job)
    return ExitCode.NO if any(_is_bad(job) for job in jobs) else ExitCode.OK


class _Sent:
    """What the server has of this call so far; told to a person who stops it."""

    def __init__(self) -> None:
        self.whole: dict[str, JobId] = {}
        self.ended: set[str] = set()

    def tell_what_goes_on(self, wanted: Sequence[Order]) -> None:
        for order in wanted:
            if (job_id := self.whole.get(order.name)) is not None:
                how = "has ended" if order.name in self.ended else "goes on"
                _say(f"{order.file}: job {job_id} {how}: python -m agent jobs {job_id}")

    def tell_what_is_missing(self, wanted: Sequence[Order]) -> None:
        for order in wanted:
            if order.name not in self.whole:
                how = "sends it anew" if order.is_again else "goes on where it was cut"
                _say(f"{order.file}: not sent whole; the same command again {how}")


class _Talk:
    """The conversation about the orders of one call."""

    def __init__(self, client: JobsClient, watcher: Watcher, sent: _Sent) -> None:
        self._client = client
        self._watcher = watcher
        self._sent = sent

    async def send(self, order: Order) -> JobId:
        created = await self._create(order)
        job_id = JobId(created.job_id)
        if created.state is not JobState.CREATED:
            _say(f"{order.file}: already submitted as {job_id} ({created.state})")
        elif created.upload is not None:
            size = order.job.size or 0
            await self._client.upload(
                created.upload,
                order.file,
                size,
                lambda done: self._watcher.moved(order.name, "sending", done / size),
            )
        self._sent.whole[order.name] = job_id
        return job_id

    async def _create(self, order: Order) -> JobCreated:
        """The job that this call, or the same one before, has made and that has not ended."""
        self._watcher.moved(order.name, "sending", 0.0)
        created = await self._client.create(order.named(after=None))
        while order.job.idempotency_key is None and created.state in ENDED:
            created = await self._client.create(order.named(after=JobId(created.job_id)))
        return created

    async def job(self, job_id: JobId) -> JobInfo:
        return await self._client.job(job_id)

    async def result(self, order: Order, job_id: JobId) -> JobInfo:
        """The job when it has ended, and its results in their folder."""
        patience = Patience(self._client, order.name, order.job)
        async with asyncio.TaskGroup() as scope:
            running_out = scope.create_task(patience.run_out())
            await self._follow(order.name, job_id, patience)
            running_out.cancel()
        self._sent.ended.add(order.name)
        job = await self._client.job(job_id)
        is_whole = job.state is JobState.COMPLETED
        if order.out is not None and is_whole:
            await self._fetch(job, order.name, order.out)
        self._watcher.ended(order.name, job.state, is_whole=is_whole)
        return job

    async def _follow(self, name: str, job_id: JobId, patience: Patience) -> None:
        async with aclosing(self._client.follow(job_id)) as news:
            async for event in news:
                patience.state = event.state
                if event.state is not JobState.CREATED and event.state not in ENDED:
                    stage = event.stage or event.state
                    self._watcher.moved(name, stage, event.progress, event.message)

    async def _fetch(self, job: JobInfo, name: str, out: Path) -> None:
        total = sum(line.size for line in job.artifacts) or 1
        done = 0
        for line in job.artifacts:
            tell = partial(self._fetched, name, done, total)
            await self._client.artifact(JobId(job.job_id), line, out, tell)
            done += line.size

    def _fetched(self, name: str, before: int, total: int, got: int) -> None:
        self._watcher.moved(name, "fetching", (before + got) / total)


async def _all(talk: _Talk, wanted: Sequence[Order], arguments: Namespace) -> list[JobInfo]:
    """Uploads one after the other, for they share a line; then waits for all at once."""
    ids = [await talk.send(order) for order in wanted]
    if not (arguments.wait or arguments.out):
        return [await talk.job(job_id) for job_id in ids]
    async with asyncio.TaskGroup() as group:
        waits = [
            group.create_task(talk.result(order, job_id))
            for order, job_id in zip(wanted, ids, strict=True)
        ]
    return [wait.result() for wait in waits]


def _is_bad(job: JobInfo) -> bool:
    return job.state in ENDED and job.state is not JobState.COMPLETED


def _tell(order: Order, job: JobInfo) -> None:
    if _is_bad(job):
        why = f"{job.code}: {job.message}" if job.code else job.state.value
        _say(f"error: {order.file}: job {job.job_id} {job.state}: {why}")
    elif order.out is None:
        print(printable(f"{job.job_id}  {job.state}  {order.file}"))
    else:
        for line in job.artifacts:
            print(printable(str(order.out / line.name)))


def _say(sentence: str) -> None:
    print(printable(sentence), file=sys.stderr, flush=True)
