"""The main of a child: `python -m agent.pipelines.child FD` takes tasks from FD, answers there."""

import socket
import sys
from collections.abc import Iterator
from typing import BinaryIO

from agent.model.failures import FailureCode
from agent.model.work import (
    MAX_FRAME,
    Failed,
    FromChild,
    Outcome,
    PipelineSettings,
    Progress,
    Ready,
    Task,
    ToChild,
    decode,
    encode,
)
from agent.pipelines.errors import as_outcome
from agent.pipelines.guard import split_off_guard
from agent.pipelines.parentage import silence_stdout
from agent.pipelines.registry import Pipelines

_STEP = 0.001
"""Progress below this is not worth a frame: a task sends about a thousand at most."""


def main() -> None:
    split_off_guard()
    silence_stdout()
    with socket.socket(fileno=int(sys.argv[1])) as connection:
        serve(connection.makefile("rb"), connection)


def serve(frames: BinaryIO, connection: socket.socket) -> None:
    """Until the other end closes: settings first, then task after task."""
    incoming = _read(frames)
    settings = next(incoming, None)
    if not isinstance(settings, PipelineSettings):
        return
    pipelines = Pipelines(settings)
    connection.sendall(encode(Ready(pipelines.prepare())))
    for task in incoming:
        if isinstance(task, Task):
            send_outcome(connection, _attempt(pipelines, task, _Reporter(connection)))


class _Reporter:
    """Sends progress, but only what moves."""

    def __init__(self, connection: socket.socket) -> None:
        self._connection = connection
        self._last = Progress(-1.0, "")

    def __call__(self, progress: Progress) -> None:
        moved = abs(progress.fraction - self._last.fraction) >= _STEP
        if moved or progress.message != self._last.message:
            self._last = progress
            self._connection.sendall(encode(progress))


def _attempt(pipelines: Pipelines, task: Task, report: _Reporter) -> Outcome:
    try:
        return pipelines.run(task, report)
    except Exception as error:  # the top of a task: whatever it is, the agent must hear of it
        return as_outcome(error)


def send_outcome(connection: socket.socket, outcome: FromChild) -> None:
    try:
        frame = encode(outcome)
    except ValueError as error:  # too large, or a NaN in the summary
        frame = encode(Failed(FailureCode.INTERNAL, f"the outcome cannot be sent: {error}"))
    connection.sendall(frame)


def _read(frames: BinaryIO) -> Iterator[ToChild | FromChild]:
    while line := frames.readline(MAX_FRAME + 1):
        yield decode(line)


if __name__ == "__main__":
    main()
