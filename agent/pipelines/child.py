"""The main of a child: `python -m agent.pipelines.child FD` takes tasks from FD, answers there.

Between two tasks it keeps its models. When no task has come for a while, or when it has to step
back, it gives their memory back, and loads them again with the next one.
"""

import socket
import sys
import time  # noqa: TID251 - the clock is an argument, and this is what it is
from collections.abc import Callable
from pathlib import Path

from agent.model.failures import FailureCode
from agent.model.ids import Seconds
from agent.model.work import (
    Failed,
    FromChild,
    Outcome,
    PipelineSettings,
    Progress,
    Ready,
    StepBack,
    Task,
    ToChild,
    encode,
)
from agent.pipelines.errors import as_outcome
from agent.pipelines.frames import Frames
from agent.pipelines.guard import split_off_guard
from agent.pipelines.models.freeing import free_memory
from agent.pipelines.models.holdings import Noticeboard, holdings_folder
from agent.pipelines.parentage import silence_stdout
from agent.pipelines.registry import Pipelines
from agent.pipelines.safe_points import SafePoints, TaskStoppedError

_STEP = 0.001
"""Progress below this is not worth a frame: a task sends about a thousand at most."""


def main() -> None:
    split_off_guard()
    silence_stdout()
    with socket.socket(fileno=int(sys.argv[1])) as connection:
        serve(connection, holdings_folder())


def serve(connection: socket.socket, holdings: Path) -> None:
    """Until the other end closes: settings first, then task after task."""
    frames = Frames(connection)
    settings = frames.take()
    if not isinstance(settings, PipelineSettings):
        return
    pipelines = Pipelines(settings)
    connection.sendall(encode(Ready(pipelines.prepare())))
    patience = Seconds(settings.idle_unload_min * 60)

    def send(frame: FromChild) -> None:
        board.show(pipelines.held)
        send_outcome(connection, frame)

    safe_points = SafePoints(frames, pipelines, send, time.monotonic)
    with Noticeboard(holdings) as board:
        while (frame := _next(frames, pipelines, board, patience)) is not None:
            if isinstance(frame, Task):
                safe_points.begin(frame)
                send(_attempt(pipelines, frame, _Reporter(send, safe_points.look)))
            elif isinstance(frame, StepBack):
                safe_points.step_back_idle(frame)


def _next(
    frames: Frames, pipelines: Pipelines, board: Noticeboard, patience: Seconds
) -> ToChild | FromChild | None:
    if pipelines.held and not frames.is_due(patience):
        pipelines.unload()
        free_memory()
        board.show(pipelines.held)
    return frames.take()


class _Reporter:
    """Sends progress, but only what moves; and looks whether the task is to wait or to end."""

    def __init__(self, send: Callable[[Progress], None], look: Callable[[], None]) -> None:
        self._send = send
        self._look = look
        self._last = Progress(-1.0, "")

    def __call__(self, progress: Progress) -> None:
        moved = abs(progress.fraction - self._last.fraction) >= _STEP
        if moved or progress.message != self._last.message:
            self._last = progress
            self._send(progress)
        self._look()


def _attempt(pipelines: Pipelines, task: Task, report: _Reporter) -> Outcome:
    try:
        return pipelines.run(task, report)
    except TaskStoppedError as stopped:
        return stopped.outcome
    except Exception as error:  # the top of a task: whatever it is, the agent must hear of it
        return as_outcome(error)


def send_outcome(connection: socket.socket, outcome: FromChild) -> None:
    try:
        frame = encode(outcome)
    except ValueError as error:  # too large, or a NaN in the summary
        frame = encode(Failed(FailureCode.INTERNAL, f"the outcome cannot be sent: {error}"))
    connection.sendall(frame)


if __name__ == "__main__":
    main()
