"""Child processes that do the heavy work, and can be killed in the middle of it.

    empty ──start──> warm ──task──> busy ──outcome──> warm
      ^                              │        │
      │                              │        └── after `jobs` tasks, or a suspect failure ──┐
      └── cancelled, dead, silent, or talking nonsense ──────────────────────────────────────┘

The way back is always the same: kill the whole session, so that the decoder which a child started
dies with it, and wait until it is dead.
"""

import asyncio
import os
import signal
import socket
from asyncio import StreamReader, StreamWriter
from asyncio.subprocess import DEVNULL, PIPE, Process
from collections.abc import AsyncIterator, Callable, Coroutine, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from typing import cast

from agent.model.failures import FailureCode
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
_ONE_MINUTE, _TEN_MINUTES = Seconds(60.0), Seconds(600.0)
_FIRST_PAUSE, _LONGEST_PAUSE = Seconds(0.1), Seconds(30.0)
_SUSPECT = {FailureCode.INTERNAL, FailureCode.OUT_OF_MEMORY}
"""After these a GPU's context may be broken for good, and only a new process gets a new one."""

_PASSED_ON = {
    *("PATH", "HOME", "USER", "LANG", "LANGUAGE", "TZ", "TMPDIR", "XDG_CACHE_HOME"),
    *("LD_LIBRARY_PATH", "VIRTUAL_ENV", "PYTHONPATH", "PYTHONDONTWRITEBYTECODE"),
}
_PASSED_ON_PREFIXES = ("LC_", "CUDA_", "NVIDIA_", "HF_", "OMP_", "MKL_", "TORCH_", "CT2_")
_SECRETS = ("TOKEN", "SECRET", "PASSWORD", "KEY", "CREDENTIAL")
_FOR_DOWNLOADS = {"HTTPS_PROXY", "https_proxy", "NO_PROXY", "no_proxy", "SSL_CERT_FILE"}


class ChildLostError(Exception):
    """The child died, fell silent or talked nonsense. It is dead by the time this is seen."""

    last_words = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    jobs: int = 100
    """Tasks that one child does: what leaks in a library is gone with it."""
    stall: Seconds = _TEN_MINUTES
    """Between two frames of a busy child."""
    start: Seconds = _ONE_MINUTE
    """Until a new child is ready. It imports nothing heavy, so this is for loaded machines."""


_USUAL = Limits()


def child_environment(
    environ: Mapping[str, str], settings: PipelineSettings, device: str | None = None
) -> dict[str, str]:
    """What a child gets to see of `environ`: what it needs, and nothing that is secret."""
    wanted = _PASSED_ON | (_FOR_DOWNLOADS if settings.allow_download else set())
    kept = {
        name: value
        for name, value in environ.items()
        if (name in wanted or name.startswith(_PASSED_ON_PREFIXES))
        and not any(word in name.upper() for word in _SECRETS)
    }
    # Threads that wait for work must sleep: on a shared machine, spinning ones double the time.
    kept |= {"OMP_WAIT_POLICY": "PASSIVE", "PYTHONFAULTHANDLER": "1"}
    kept |= {"HF_HUB_DISABLE_TELEMETRY": "1"}
    kept |= {"HF_HUB_OFFLINE": "1"} if not settings.allow_download else {}
    kept |= {"OMP_NUM_THREADS": str(settings.threads)} if settings.threads else {}
    return kept | ({"CUDA_VISIBLE_DEVICES": device} if device is not None else {})


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
    reader, writer = await asyncio.open_unix_connection(sock=ours, limit=MAX_FRAME)
    try:
        with theirs:
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


class ChildPool:
    """A fixed number of places, each with a child that is replaced whenever it has to be."""

    def __init__(
        self,
        command: Sequence[str],
        settings: PipelineSettings,
        environ: Mapping[str, str],
        devices: Sequence[str | None] = (None,),
        limits: Limits = _USUAL,
    ) -> None:
        """One place for each of `devices`: the GPU that its child sees, or None for them all."""

        async def start(device: str | None) -> Child:
            environment = child_environment(environ, settings, device)
            return await Child.start(command, environment, settings, limits.start)

        self._places = [_Place(device, start, limits) for device in devices]
        self._idle = list(self._places)
        self._free = asyncio.Semaphore(len(self._places))

    async def start(self) -> tuple[str, ...]:
        """Warm every place, and say which content types they do. Raises `ChildLostError`."""
        children = [await place.warm_child() for place in self._places]
        return children[0].content_types

    async def run(self, task: Task, on_progress: Callable[[Progress], None]) -> Produced | Failed:
        """Run `task` in a warm child. Cancelling kills the child and returns when it is dead."""
        async with self._free:
            place = next((place for place in self._idle if place.is_warm), self._idle[0])
            self._idle.remove(place)
            try:
                return await place.run(task, on_progress)
            finally:
                self._idle.append(place)
                self._idle.sort(key=self._places.index)

    async def close(self) -> None:
        """Leaves no process behind. Tasks still running end as crashed: cancel them first."""
        for place in self._places:
            await place.clear()


class _Place:
    def __init__(
        self,
        device: str | None,
        start: Callable[[str | None], Coroutine[None, None, Child]],
        limits: Limits,
    ) -> None:
        self._device = device
        self._start = start
        self._limits = limits
        self._child: Child | None = None
        self._jobs = 0
        self._failed_starts = 0

    @property
    def is_warm(self) -> bool:
        return self._child is not None

    async def warm_child(self) -> Child:
        if self._child is not None and not await self._child.is_waiting():
            await self.clear()
        if self._child is None:
            await self._pause()
            self._failed_starts += 1
            self._child = await self._start(self._device)
            self._failed_starts = self._jobs = 0
        return self._child

    async def run(self, task: Task, on_progress: Callable[[Progress], None]) -> Produced | Failed:
        try:
            child = await self.warm_child()
            outcome = await child.run(task, on_progress, self._limits.stall)
        except ChildLostError as error:
            self._child = None
            return Failed(FailureCode.WORKER_CRASHED, f"{error}.", error.last_words)
        except BaseException:
            self._child = None  # it is dead already
            raise
        self._jobs += 1
        is_suspect = isinstance(outcome, Failed) and outcome.code in _SUSPECT
        if is_suspect or self._jobs >= self._limits.jobs:
            await self.clear()
        return outcome

    async def clear(self) -> None:
        child, self._child = self._child, None
        if child is not None:
            await child.kill()

    async def _pause(self) -> None:
        if self._failed_starts:
            longer = _FIRST_PAUSE * 2.0 ** (self._failed_starts - 1)
            await asyncio.sleep(min(longer, _LONGEST_PAUSE))
