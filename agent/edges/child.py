"""One child process: a task down, progress and an outcome up, and an end that leaves nothing.

Killing means the whole session, so that the decoder which a child started dies with it.
"""

import asyncio
import os
import signal
import socket
from asyncio import StreamReader, StreamWriter
from asyncio.subprocess import DEVNULL, PIPE, Process
from collections.abc import AsyncIterator, Callable, Coroutine, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from typing import cast

from agent.model.ids import Bytes, Seconds
from agent.model.work import (
    MAX_FRAME,
    BadFrameError,
    Failed,
    FromChild,
    PipelineSettings,
    Produced,
    Progress,
    Ready,
    Task,
    ToChild,
    decode,
    encode,
)

_LAST_WORDS = Bytes(8 * 1024)
"""Kept of a child's standard error; the rest is read and forgotten."""
_DYING = Seconds(5.0)
"""What a process may take to end, and its pipes to close, once one of them has."""


class ChildLostError(Exception):
    """The child died, fell silent or talked nonsense. It is dead by the time this is seen."""

    last_words = ""


class Child:
    """One process from its start to its death."""

    def __init__(self, process: Process, reader: StreamReader, writer: StreamWriter) -> None:
        self.content_types: tuple[str, ...] = ()
        self._process = process
        self._reader = reader
        self._writer = writer
        self._last_words = bytearray()
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
    ) -> Produced | Failed:
        """Raises `ChildLostError`. However this ends without an outcome, the child is dead then."""
        async with self._or_dead():
            await self._send(task, stall_limit)
            while isinstance(frame := await self._receive(stall_limit), Progress):
                on_progress(frame)
                await asyncio.sleep(0)  # a flood of them must not starve the renewals
            if isinstance(frame, Produced | Failed):
                return frame
            raise ChildLostError("the worker spoke out of turn")

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
        """The whole session, even if its leader is dead. Returns when that is reaped."""
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(self._process.pid, signal.SIGKILL)
        self._writer.close()
        await _outlasting_cancellation(self._bury())

    async def _bury(self) -> None:
        await self._process.wait()
        with suppress(TimeoutError):
            async with asyncio.timeout(_DYING):
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
            raise ChildLostError(await self._obituary()) from error

    async def _receive(self, limit: Seconds) -> FromChild | ToChild:
        try:
            async with asyncio.timeout(limit):
                line = await self._reader.readline()
        except TimeoutError as error:
            raise ChildLostError(f"the worker gave no sign of life for {limit:g} s") from error
        except ConnectionError:
            line = b""
        except ValueError as error:
            raise ChildLostError(f"the worker sent more than {MAX_FRAME} bytes at once") from error
        if not line.endswith(b"\n"):
            raise ChildLostError(await self._obituary())
        try:
            return decode(line)
        except BadFrameError as error:
            raise ChildLostError(f"the worker sent nonsense ({error})") from error

    async def _obituary(self) -> str:
        try:
            async with asyncio.timeout(_DYING):
                return _cause_of_death(await self._process.wait())
        except TimeoutError:
            return "the worker closed its pipe"

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


def _cause_of_death(status: int) -> str:
    if status == -signal.SIGKILL:
        return "the worker was killed (SIGKILL), perhaps because memory ran out"
    if status < 0:
        return f"the worker crashed ({signal.Signals(-status).name})"
    return f"the worker ended on its own (exit status {status})"


async def _outlasting_cancellation(work: Coroutine[None, None, None]) -> None:
    """Do `work` to its end, and only then be cancelled."""
    task = asyncio.create_task(work)
    cancelled: asyncio.CancelledError | None = None
    while not task.done():
        try:
            await asyncio.shield(task)
        except asyncio.CancelledError as error:
            cancelled = error
    if cancelled is not None:
        raise cancelled
