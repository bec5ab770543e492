"""`process`: one file through the pipeline that jobs go through, in a child, with no server."""

import asyncio
import os
import tempfile
from argparse import ArgumentParser
from pathlib import Path

from agent.cli.exit_codes import ExitCode
from agent.cli.inputs import content_type_of, media_type_of, name_of, options_of, size_of
from agent.cli.progress import Watcher, watching
from agent.cli.verbs import Call
from agent.compose.children import pool_of
from agent.config import Settings
from agent.edges.display import printable
from agent.model.errors import JobFailedError, SpoolError
from agent.model.failures import FailureCode
from agent.model.ids import JobId
from agent.model.work import Failed, Produced, Returned, Task


def add_arguments(parser: ArgumentParser) -> None:
    parser.add_argument("file", type=Path, metavar="FILE")
    parser.add_argument(
        "--out", type=Path, required=True, metavar="DIR", help="put the results here"
    )
    parser.add_argument(
        "--option",
        action="append",
        default=[],
        metavar="NAME=VALUE",
        help="for the pipeline, for example language=en; may be repeated",
    )
    parser.add_argument("--content-type", metavar="TYPE", help="by default from the file's name")


def run(call: Call) -> int:
    given = call.arguments
    file: Path = given.file
    size_of(file)
    content_type = content_type_of(file, given.content_type)
    options = options_of(given.option)
    with _fresh_folder(given.out) as folder, watching() as watcher:
        task = Task(
            job_id=JobId("process"),
            content_type=content_type,
            input=str(file.absolute()),
            filename=name_of(file),
            media_type=media_type_of(file),
            output=folder,
            options=options,
        )
        produced = asyncio.run(_compute(call.loaded.settings, task, watcher))
        paths = _move(produced, Path(folder), given.out)
        watcher.ended(file.name, "completed", is_whole=True)
    for path in paths:
        print(printable(str(path)))
    return ExitCode.OK


def _fresh_folder(out: Path) -> "tempfile.TemporaryDirectory[str]":
    """Beside the results' final place, so that moving them there is a rename."""
    try:
        out.mkdir(parents=True, exist_ok=True)
        return tempfile.TemporaryDirectory(prefix=".process-", dir=out.absolute())
    except OSError as error:
        raise SpoolError(f"cannot write to {out}: {error.strerror}") from error


async def _compute(settings: Settings, task: Task, watcher: Watcher) -> Produced:
    pool = pool_of(settings, os.environ, devices=(None,))
    watcher.moved(task.filename, "starting")
    try:
        async with asyncio.timeout(settings.task_timeout_min * 60):
            outcome = await pool.run(
                task,
                lambda news: watcher.moved(
                    task.filename, "processing", news.fraction, news.message
                ),
            )
    except TimeoutError as error:
        limit = f"it took longer than {settings.task_timeout_min:g} min"
        raise JobFailedError(FailureCode.TIMEOUT, f"timeout: {limit}") from error
    finally:
        await pool.close()
    if isinstance(outcome, Failed):
        raise JobFailedError(outcome.code, f"{outcome.code}: {outcome.message}", outcome.detail)
    if isinstance(outcome, Returned):
        raise SpoolError(outcome.reason)
    return outcome


def _move(produced: Produced, folder: Path, out: Path) -> list[Path]:
    moved = []
    for name, _ in produced.artifacts:
        target = out / name
        target.parent.mkdir(exist_ok=True)
        (folder / name).replace(target)
        moved.append(target)
    return moved
