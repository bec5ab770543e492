"""One child process: a task down, progress and an outcome up, and an end that leaves nothing.

Killing means everything that the child has started: its guard (`pipelines/guard.py`) is told to end
it, and if that takes too long, or if there is no guard, the whole session is killed.
"""

import asyncio
import os
import signal
import socket
from asyncio import StreamReader, StreamWriter
from asyncio.subprocess import DEVNULL, PIPE, Process
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import replace
from typing import cast

from agent.edges.oom_kills import OomKills
from agent.edges.outlasting import outlasting_cancellation
from agent.edges.steps import Steps
from agent.model.failures import FailureCode
from agent.model.ids import Bytes, Seconds
from agent.model.work import (
    MAX_FRAME,
    BadFrameError,
    Failed,
    FromChild,
    Outcome,
    PipelineSettings,
    Produced,
    Progress,
    Ready,
    Returned,
    SteppedBack,
    Task,
    ToChild,
    decode,
    encode,
)

_LAST_WORDS = Bytes(8 * 1024)
"""Kept of a child's standard error; the rest is read and forgotten."""
_SWEEPING = Seconds(3.0)
"""What a guard may take to end everything below it."""
_DYING = Seconds(5.0)
"""What a process may take to end, and its pipes to close, once one of them has."""


class ChildLostError(Exception):
    """The child died, fell silent or talked nonsense. It is dead by the time this is seen."""

    code = FailureCode.WORKER_CRASHED

    def __init__(self, reason: str, last_words: str = "") -> None:
        super().__init__(reason)
        self.last_words = last_words


class ChildKilledError(ChildLostError):
    """Somebody killed it, and it was not us."""


class ChildToldToEndError(ChildLostError):
    """Somebody asked it to end, as a machine does that shuts down or a session that closes."""


class OutOfMemoryError(ChildLostError):
    """The kernel killed it because memory ran out."""

    code = FailureCode.OUT_OF_MEMORY


class Child:
    """One process from its start to its death."""

    def __init__(self, process: Process, reader: StreamReader, writer: StreamWriter) -> None:
        self.content_types: tuple[str, ...] = ()
        self._process = process
        self._reader = reader
        self._writer = writer
        self._last_words = bytearray()
        self._steps = Steps()
        self._listening = asyncio.create_task(self._listen())

    @classmethod
    async def start(
        cls,
        command: Sequence[str],
        environment: Mapping[str, str],
        settings: PipelineSettings,
        limit: Seconds,
    ) -> "Child":
        """A child that is ready. Raises `ChildLostError`."""
        child = cls(*await _spawn(command, environment))
        async with child._or_dead():
            await child._send(settings, limit)
            first = await child._receive(limit)
            if not isinstance(first, Ready):
                raise ChildLostError("a worker spoke before it was ready")
            child.content_types = first.content_types
        return child

    async def run(
        self, task: Task, on_progress: Callable[[Progress], None], stall_limit: Seconds
    ) -> Outcome:
        """Raises `ChildLostError`. However this ends without an outcome, the child is dead then."""
        kills = OomKills(self._process.pid)
        try:
            outcome = await self._run(task, on_progress, stall_limit)
        except ChildKilledError as error:
            if not kills.have_happened:
                raise
            raise OutOfMemoryError(
                "the kernel killed the worker: memory ran out", last_words=error.last_words
            ) from error
        if isinstance(outcome, Failed) and outcome.code is FailureCode.WORKER_CRASHED:
            # It speaks of a process of its own: the decoder.
            code = FailureCode.OUT_OF_MEMORY if kills.have_happened else outcome.code
            return replace(outcome, code=code)
        return outcome

    async def _run(
        self, task: Task, on_progress: Callable[[Progress], None], stall_limit: Seconds
    ) -> Outcome:
        steps = self._steps = Steps(on_progress, stall_limit)
        async with self._or_dead():
            await self._send(task, stall_limit)
            while isinstance(
                frame := await self._receive(stall_limit, steps), Progress | SteppedBack
            ):
                steps.hear(frame)
                await asyncio.sleep(0)  # a flood of them must not starve the renewals
            if isinstance(frame, Produced | Failed | Returned):
                return frame
            raise ChildLostError("the worker spoke out of turn")

    def step_back(self) -> None:
        """In the middle of a task: it is to wait at its next safe point, off the GPU."""
        self._writer.write(encode(self._steps.step_back()))

    def go_on(self) -> None:
        if self._steps.is_wanted:
            self._writer.write(encode(self._steps.go_on()))

    async def is_waiting(self) -> bool:
        """Is an idle child alive, and has it said nothing since its last outcome."""
        await asyncio.sleep(0)  # let the loop read what has arrived
        try:
            async with asyncio.timeout(0):
                await self._reader.read(1)
        except TimeoutError:
            return True
        except ConnectionError:
            pass
        return False

    async def kill(self) -> None:
        """It and what it has started, even if it is dead itself. Returns when it is reaped."""
        self._writer.close()
        await outlasting_cancellation(self._end())

    async def _end(self) -> None:
        with suppress(ProcessLookupError):
            self._process.terminate()
        with suppress(TimeoutError):
            async with asyncio.timeout(_SWEEPING):
                await self._process.wait()
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(self._process.pid, signal.SIGKILL)
        # Whatever got away holds the pipes open, and then both of these would wait for it.
        with suppress(TimeoutError):
            async with asyncio.timeout(_DYING):
                await self._process.wait()
                await self._listening

    @asynccontextmanager
    async def _or_dead(self) -> AsyncIterator[None]:
        try:
            yield
        except ChildLostError as error:
            await self.kill()
            error.last_words = self._last_words.decode("utf-8", "replace")
            raise
        except BaseException:
            await self.kill()
            raise

    async def _send(self, frame: ToChild, limit: Seconds) -> None:
        self._writer.write(encode(frame))
        try:
            async with asyncio.timeout(limit):
                await self._writer.drain()
        except TimeoutError as error:
            raise ChildLostError(f"the worker took no task within {limit:g} s") from error
        except ConnectionError as error:
            raise await self._obituary() from error

    async def _receive(self, limit: Seconds, steps: Steps | None = None) -> FromChild | ToChild:
        try:
            async with asyncio.timeout(limit) as patience:
                if steps is not None:
                    steps.follow(patience)
                line = await self._reader.readline()
        except TimeoutError as error:
            raise ChildLostError(f"the worker gave no sign of life for {limit:g} s") from error
        except ConnectionError:
            line = b""
        except ValueError as error:
            raise ChildLostError(f"the worker sent more than {MAX_FRAME} bytes at once") from error
        if not line.endswith(b"\n"):
            raise await self._obituary()
        try:
            return decode(line)
        except BadFrameError as error:
            raise ChildLostError(f"the worker sent nonsense ({error})") from error

    async def _obituary(self) -> ChildLostError:
        try:
            async with asyncio.timeout(_DYING):
                return _cause_of_death(await self._process.wait())
        except TimeoutError:
            status = self._process.returncode
            if status is not None:  # something that it started holds its other pipe open
                return _cause_of_death(status)
            return ChildLostError("the worker closed its pipe")

    async def _listen(self) -> None:
        stderr = cast(StreamReader, self._process.stderr)
        while chunk := await stderr.read(64 * 1024):
            self._last_words += chunk
            del self._last_words[:-_LAST_WORDS]


async def _spawn(
    command: Sequence[str], environment: Mapping[str, str]
) -> tuple[Process, StreamReader, StreamWriter]:
    """The process, and our end of the pipe whose other end is its last argument."""
    ours, theirs = socket.socketpair()
    with theirs:
        try:
            reader, writer = await asyncio.open_unix_connection(sock=ours, limit=MAX_FRAME)
        except BaseException:
            ours.close()
            raise
        try:
            process = await asyncio.create_subprocess_exec(
                *command,
                str(theirs.fileno()),
                stdin=DEVNULL,
                stdout=DEVNULL,
                stderr=PIPE,
                pass_fds=[theirs.fileno()],
                env=environment,
                start_new_session=True,
            )
        except OSError as error:
            writer.close()
            raise ChildLostError(f"a worker cannot be started ({error})") from error
        except BaseException:
            writer.close()
            raise
    return process, reader, writer


def _cause_of_death(status: int) -> ChildLostError:
    if status == -signal.SIGKILL:
        return ChildKilledError("the worker was killed (SIGKILL)")
    if status == -signal.SIGTERM:
        return ChildToldToEndError("the worker was told to end (SIGTERM), and not by us")
    if status < 0:
        return ChildLostError(f"the worker crashed ({signal.Signals(-status).name})")
    return ChildLostError(f"the worker ended on its own (exit status {status})")
