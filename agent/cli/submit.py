"""`submit`: files become jobs; with `--wait` their results come back."""

import asyncio
import sys
import uuid
from argparse import ArgumentParser, Namespace
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from agent.cli.clients import with_client
from agent.cli.exit_codes import ExitCode, UsageError
from agent.cli.inputs import content_type_of, digest_of, media_type_of, options_of, size_of
from agent.cli.progress import Watcher, watching
from agent.cli.verbs import Call
from agent.edges.jobs_client import JobsClient
from agent.model.ids import JobId
from agent.wire.jobs import ENDED, JobInfo, JobState, NewJob


def add_arguments(parser: ArgumentParser) -> None:
    parser.add_argument("files", nargs="+", type=Path, metavar="FILE")
    parser.add_argument("--wait", action="store_true", help="until the jobs have ended")
    parser.add_argument(
        "--out",
        type=Path,
        metavar="DIR",
        help="put the results here (means --wait); of several files, each into its own folder",
    )
    parser.add_argument(
        "--option",
        action="append",
        default=[],
        metavar="NAME=VALUE",
        help="for the pipeline, for example language=en; may be repeated",
    )
    parser.add_argument("--content-type", metavar="TYPE", help="by default from the file's name")
    parser.add_argument("--queue", default="gpu_fallback", metavar="NAME")
    parser.add_argument("--priority", type=int, default=0, help="-1000 to 1000; higher goes first")
    parser.add_argument(
        "--idempotency-key", metavar="KEY", help="the same key again gives the same job"
    )


def run(call: Call) -> int:
    orders = _orders(call.arguments)
    with watching() as watcher:
        jobs = with_client(
            call.loaded.settings, lambda client: _all(client, orders, call.arguments, watcher)
        )
    for order, job in zip(orders, jobs, strict=True):
        _tell(order, job)
    return ExitCode.NO if any(_is_bad(job) for job in jobs) else ExitCode.OK


@dataclass(frozen=True, slots=True)
class _Order:
    file: Path
    job: NewJob
    name: str
    """Different for each file of one call."""
    out: Path | None


def _orders(arguments: Namespace) -> list[_Order]:
    """Everything that can be wrong is found before the first byte is sent."""
    files: list[Path] = arguments.files
    if arguments.idempotency_key is not None and len(files) > 1:
        raise UsageError("--idempotency-key names one job: submit one file with it")
    names = _distinct([file.name for file in files])
    return [
        _Order(file, _job(file, arguments), name, _out(arguments.out, name, len(files)))
        for file, name in zip(files, names, strict=True)
    ]


def _job(file: Path, arguments: Namespace) -> NewJob:
    size = size_of(file)
    try:
        return NewJob(
            content_type=content_type_of(file, arguments.content_type),
            filename=file.name,
            size=size,
            sha256=digest_of(file),
            media_type=media_type_of(file),
            queue=arguments.queue,
            priority=arguments.priority,
            options=options_of(arguments.option),
            idempotency_key=arguments.idempotency_key or uuid.uuid4().hex,
        )
    except ValueError as error:
        raise UsageError(f"{file}: {error}") from error


def _out(out: Path | None, name: str, files: int) -> Path | None:
    if out is None:
        return None
    return out if files == 1 else out / name


def _distinct(names: Sequence[str]) -> list[str]:
    """The second `a.mp3` is `a.mp3-2`."""
    seen: dict[str, int] = {}
    distinct = []
    for name in names:
        seen[name] = seen.get(name, 0) + 1
        distinct.append(name if seen[name] == 1 else f"{name}-{seen[name]}")
    return distinct


async def _all(
    client: JobsClient, orders: Sequence[_Order], arguments: Namespace, watcher: Watcher
) -> list[JobInfo]:
    """Uploads one after the other, for they share a line; then waits for all at once."""
    ids = [await _send(client, order, watcher) for order in orders]
    if not (arguments.wait or arguments.out):
        return [await client.job(job_id) for job_id in ids]
    async with asyncio.TaskGroup() as group:
        waits = [
            group.create_task(_await_result(client, order, job_id, watcher))
            for order, job_id in zip(orders, ids, strict=True)
        ]
    return [wait.result() for wait in waits]


async def _send(client: JobsClient, order: _Order, watcher: Watcher) -> JobId:
    created = await client.create(order.job)
    size = order.job.size or 0
    if created.state is JobState.CREATED and created.upload is not None:
        watcher.moved(order.name, "sending", 0.0)
        await client.upload(
            created.upload,
            order.file,
            size,
            lambda done: watcher.moved(order.name, "sending", done / size),
        )
    return JobId(created.job_id)


async def _await_result(
    client: JobsClient, order: _Order, job_id: JobId, watcher: Watcher
) -> JobInfo:
    async for event in client.follow(job_id):
        if event.state is not JobState.CREATED:  # old news: the file is sent
            watcher.moved(order.name, event.stage or event.state, event.progress)
    job = await client.job(job_id)
    if order.out is not None and job.state is JobState.COMPLETED:
        await _fetch(client, job, order.name, order.out, watcher)
    watcher.moved(order.name, job.state, 1.0)
    return job


async def _fetch(client: JobsClient, job: JobInfo, name: str, out: Path, watcher: Watcher) -> None:
    total = sum(line.size for line in job.artifacts) or 1
    done = 0
    for line in job.artifacts:
        tell = partial(_fetched, watcher, name, done, total)
        await client.artifact(JobId(job.job_id), line, out, tell)
        done += line.size


def _fetched(watcher: Watcher, name: str, before: int, total: int, got: int) -> None:
    watcher.moved(name, "fetching", (before + got) / total)


def _is_bad(job: JobInfo) -> bool:
    return job.state in ENDED and job.state is not JobState.COMPLETED


def _tell(order: _Order, job: JobInfo) -> None:
    if _is_bad(job):
        why = f"{job.code}: {job.message}" if job.code else job.state.value
        print(f"error: {order.file}: job {job.job_id} {job.state}: {why}", file=sys.stderr)
    elif order.out is None:
        print(f"{job.job_id}  {job.state}  {order.file}")
    else:
        for line in job.artifacts:
            print(order.out / line.name)
