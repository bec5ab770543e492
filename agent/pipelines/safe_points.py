"""Where a computation may be interrupted: between two windows, frames or pages.

A pipeline reports its progress there, and the child looks what the agent has said meanwhile. Told
to step back, it takes its models off the GPU, says so, and waits on its pipe; what it has begun to
read in a box waits too. Told to go on, it loads them again and computes on from there.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Protocol

from agent.model.failures import FailureCode
from agent.model.ids import Seconds
from agent.model.work import (
    BadFrameError,
    Failed,
    FromChild,
    GoOn,
    Outcome,
    Returned,
    StepBack,
    SteppedBack,
    Task,
)
from agent.pipelines.frames import Frames
from agent.pipelines.models.freeing import free_memory
from agent.pipelines.models.leaving import Movable

_AT_ONCE = Seconds(0.0)


class TaskStoppedError(BaseException):
    """Ends a task at a safe point. No `Exception`: no pipeline may take it for one of its own."""

    def __init__(self, outcome: Outcome) -> None:
        super().__init__()
        self.outcome = outcome


class Models(Movable, Protocol):
    def unload(self) -> None: ...


class SafePoints:
    def __init__(
        self,
        frames: Frames,
        models: Models,
        send: Callable[[FromChild], None],
        now: Callable[[], float],
    ) -> None:
        self._frames = frames
        self._models = models
        self._send = send
        self._now = now
        self._wanted: int | None = None
        """The number of the request to step back, while it stands."""
        self._stop_after: Seconds | None = None
        self._begun = 0.0

    def begin(self, task: Task) -> None:
        self._wanted = None
        self._stop_after, self._begun = task.stop_after, self._now()

    def look(self) -> None:
        """At a safe point: wait here if we have to. Raises `TaskStoppedError`."""
        self._hear_all()
        # Where the models cannot leave just now the next point will do, if the agent is patient.
        if self._wanted is not None:
            if self._models.leave_gpu():
                self._wait()
            self._return()
        if self._stop_after is not None and self._now() - self._begun > self._stop_after:
            told = f"not done within {self._stop_after:g} s of computing."
            raise TaskStoppedError(Failed(FailureCode.TIMEOUT, told))

    def step_back_idle(self, request: StepBack) -> None:
        """Between two tasks nothing has to be kept."""
        self._models.unload()
        free_memory()
        self._send(SteppedBack(request.number))

    def _wait(self) -> None:
        free_memory()
        begun = self._now()
        answered: int | None = None
        with _all_below_stopped():
            while self._wanted is not None:
                if answered != self._wanted:
                    answered = self._wanted
                    self._send(SteppedBack(answered))
                self._hear()
                self._hear_all()
        self._begun += self._now() - begun

    def _return(self) -> None:
        try:
            self._models.return_to_gpu()
        except (RuntimeError, MemoryError, OSError) as error:
            # Somebody else has taken the room. What is half loaded helps nobody.
            self._models.unload()
            free_memory()
            reason = f"gpu_unavailable: no way back to the GPU after a pause ({error})"
            raise TaskStoppedError(Returned(reason, is_box_fault=False)) from error

    def _hear_all(self) -> None:
        """What has come until now; a task that may have come early waits for its turn."""
        while self._frames.is_due(_AT_ONCE):
            match self._frames.take():
                case StepBack() | GoOn() as word:
                    self._heed(word)
                case None:
                    return
                case frame:
                    self._frames.put_back(frame)
                    return

    def _hear(self) -> None:
        match self._frames.take():
            case StepBack() | GoOn() as word:
                self._heed(word)
            case None:
                raise TaskStoppedError(Returned("the agent has gone", is_box_fault=False))
            case frame:
                raise BadFrameError(f"a {type(frame).__name__} for a child that waits")

    def _heed(self, word: StepBack | GoOn) -> None:
        self._wanted = word.number if isinstance(word, StepBack) else None


@contextmanager
def _all_below_stopped() -> Iterator[None]:
    """A box that reads on would use the processor, and go over its limits with nobody looking."""
    import psutil

    below = psutil.Process().children(recursive=True)
    for process in below:
        with suppress(psutil.Error):
            process.suspend()
    try:
        yield
    finally:
        for process in below:
            with suppress(psutil.Error):
                process.resume()
