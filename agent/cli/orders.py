"""What `submit` asks for: one order a file, whole and checked before the first byte is sent."""

import hashlib
import uuid
from argparse import ArgumentParser, Namespace
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from pydantic import ValidationError

from agent.cli.exit_codes import UsageError
from agent.cli.inputs import (
    content_type_of,
    digest_of,
    key,
    media_type_of,
    name_of,
    options_of,
    queue_name,
    size_of,
    whole_number,
)
from agent.model.ids import JobId
from agent.wire.jobs import NewJob

PRIORITIES = (-1000, 1000)


@dataclass(frozen=True, slots=True)
class Order:
    file: Path
    job: NewJob
    """With a key only where the person gave one, or asked for a new job."""
    is_again: bool
    name: str
    """Different for each file of one call."""
    out: Path | None

    def named(self, after: JobId | None) -> NewJob:
        """The job with its key: made of all that is asked for, so that a cut call can be repeated.

        Where an earlier job of that key has ended, `after` it comes the next.
        """
        if self.job.idempotency_key is not None:
            return self.job
        facts = self.job.model_dump_json() + (after or "")
        own_key = f"submit-{hashlib.sha256(facts.encode()).hexdigest()}"
        return self.job.model_copy(update={"idempotency_key": own_key})


def add_arguments(parser: ArgumentParser) -> None:
    parser.add_argument(
        "--option",
        action="append",
        default=[],
        metavar="NAME=VALUE",
        help="for the pipeline, for example language=en; may be repeated",
    )
    parser.add_argument("--content-type", metavar="TYPE", help="by default from the file's name")
    parser.add_argument("--queue", type=queue_name, default="gpu_fallback", metavar="NAME")
    parser.add_argument(
        "--priority",
        type=whole_number(*PRIORITIES),
        default=0,
        metavar="N",
        help=f"{PRIORITIES[0]} to {PRIORITIES[1]}; higher goes first",
    )
    keys = parser.add_mutually_exclusive_group()
    keys.add_argument(
        "--idempotency-key",
        type=key,
        metavar="KEY",
        help="the same key again gives the same job; by default it stands for the file and all"
        " that is asked for, until that job has ended",
    )
    keys.add_argument(
        "--again",
        action="store_true",
        help="a new job, even while the same one waits or runs",
    )


def orders_of(arguments: Namespace) -> list[Order]:
    """Raises `UsageError` and `NoInputError` with what can be wrong."""
    files: list[Path] = arguments.files
    if arguments.idempotency_key is not None and len(files) > 1:
        raise UsageError("--idempotency-key names one job: submit one file with it")
    names = _distinct([file.name for file in files])
    return [
        Order(
            file=file,
            job=_job(file, arguments),
            is_again=arguments.again,
            name=name,
            out=_out(arguments.out, name, len(files)),
        )
        for file, name in zip(files, names, strict=True)
    ]


def _job(file: Path, arguments: Namespace) -> NewJob:
    size = size_of(file)
    try:
        return NewJob(
            content_type=content_type_of(file, arguments.content_type),
            filename=name_of(file),
            size=size,
            sha256=digest_of(file),
            media_type=media_type_of(file),
            queue=arguments.queue,
            priority=arguments.priority,
            options=options_of(arguments.option),
            idempotency_key=uuid.uuid4().hex if arguments.again else arguments.idempotency_key,
        )
    except ValidationError as error:
        # The flags are checked where they are read; what is left has no flag to name.
        (first, *_) = error.errors()
        where = ".".join(map(str, first["loc"]))
        raise UsageError(f"{file}: {where} is wrong: {first['msg']}") from error


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
