"""Has a stranger's file read in a process of its own, and trusts nothing that it says."""

import os
import resource
import signal
import subprocess
import sys
import tempfile
import time  # noqa: TID251 - the clock is an argument, and this its default
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO, cast

from agent.model.ids import JsonObject, Seconds
from agent.model.work import PipelineSettings
from agent.pipelines.box.confinement import ALL_WALLS, Wall, Walls, state
from agent.pipelines.box.ending import Ending, died, never_began, refusal
from agent.pipelines.box.environment import box_environment
from agent.pipelines.box.limits import Limits
from agent.pipelines.box.listening import Ear, check_growth
from agent.pipelines.box.request import Request
from agent.pipelines.box.tree import Usage, usage_of
from agent.pipelines.box.words import words_in
from agent.pipelines.errors import EngineUnavailableError, MediaUnreadableError

_USUAL = Limits()
_LAST_WORDS = 10.0
"""Seconds a process may take to end once its output has."""
Told = Callable[[float], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Box:
    """How boxes are made on this machine."""

    command: Sequence[str] = (sys.executable, "-m", "agent.pipelines.box.boxed")
    walls: frozenset[Wall] = ALL_WALLS
    """Put up where the kernel has them."""
    is_required: bool = False
    """Rather read nothing than without all the walls."""
    threads: int = 0
    """That a library may start for its computing; 0 for one."""
    now: Callable[[], float] = time.monotonic

    def read(  # noqa: PLR0913 - what differs from file to file
        self,
        reader: str,
        file: Path,
        scratch: Path,
        arguments: JsonObject | None = None,
        *,
        limits: Limits = _USUAL,
        on_told: Told = lambda _: None,
        gpu: bool = False,
    ) -> JsonObject:
        """What `reader` of `box.readers` makes of `file`; what it writes goes into `scratch`.

        With `gpu` the box may use NVIDIA's devices, and its memory has no limit. Raises
        `PipelineError` for what is the file's fault, `OSError` where the disk refuses. The box
        stays in this process's session: who kills that, kills both.
        """
        if file.stat().st_size == 0:
            raise MediaUnreadableError("the file is empty.")
        request = Request(
            reader=reader,
            file=str(file.absolute()),
            scratch=str(scratch.absolute()),
            arguments=arguments or {},
            limits=limits,
            walls=tuple(sorted(self.walls)),
            is_required=self.is_required,
            gpu=gpu,
        )
        before = usage_of(scratch)
        answer = self._ask(request, before, on_told)
        check_growth(scratch, before, limits)
        result = answer.get("result")
        if isinstance(result, dict):
            return result
        raise refusal(answer, limits, file, scratch)

    def _ask(self, request: Request, before: Usage, on_told: Told) -> JsonObject:
        cpu_before = _cpu_of_children()
        with self._started(request) as process:
            ear = Ear(
                output=cast("IO[bytes]", process.stdout).fileno(),
                chatter=cast("IO[bytes]", process.stderr).fileno(),
                scratch=Path(request.scratch),
                before=before,
                limits=request.limits,
                now=self.now,
            )
            dialogue = _Dialogue(self.is_required, on_told)
            for line in ear.lines():
                dialogue.hear(words_in(line))
                if dialogue.answer is not None:
                    return dialogue.answer
            exit_status = _end_of(process)
            ear.hear_the_rest()
        ending = Ending(
            exit_status=exit_status,
            last_words=bytes(ear.last_words),
            cpu=Seconds(_cpu_of_children() - cpu_before),
            limits=request.limits,
        )
        raise died(ending) if dialogue.has_begun else never_began(ending)

    @contextmanager
    def _started(self, request: Request) -> Iterator["subprocess.Popen[bytes]"]:
        """Its request lies in a file: a pipe would block whoever writes to one that does not read.

        Whatever happens, nothing of its process group is left.
        """
        with (
            tempfile.TemporaryFile(buffering=0, dir=request.scratch) as asked,
            self._process(request, asked) as process,
        ):
            try:
                yield process
            finally:
                _kill(process)

    def _process(self, request: Request, asked: IO[bytes]) -> "subprocess.Popen[bytes]":
        asked.write(request.line())
        asked.seek(0)
        return subprocess.Popen(  # noqa: S603 - our own module
            self.command,
            stdin=asked,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            bufsize=0,
            cwd=request.scratch,
            env=box_environment(Path(request.scratch), self.threads),
            process_group=0,
        )


def box_of(settings: PipelineSettings) -> Box:
    """Raises `EngineUnavailableError` where walls are required that this kernel does not have."""
    is_required = settings.sandbox == "require"
    if is_required:
        _require(state())
    walls = frozenset() if settings.sandbox == "off" else ALL_WALLS
    return Box(walls=walls, is_required=is_required, threads=settings.threads)


def _require(walls: Walls) -> None:
    if not walls.are_whole:
        raise EngineUnavailableError(
            f"this system has {walls}, and the setting sandbox = 'require' asks for both:"
            " use Linux 5.13 or newer with Landlock switched on, or set limits.sandbox to 'auto'."
        )


class _Dialogue:
    """The words of a box in their order: its walls, signs of life, an answer."""

    def __init__(self, is_required: bool, on_told: Told) -> None:
        self._is_required = is_required
        self._on_told = on_told
        self.has_begun = False
        self.answer: JsonObject | None = None

    def hear(self, words: JsonObject) -> None:
        if not self.has_begun:
            self._hear_walls(words.get("walls"))
        elif isinstance(position := words.get("at"), float):
            self._on_told(position)
        else:
            self.answer = words

    def _hear_walls(self, told: object) -> None:
        walls = told if isinstance(told, dict) else {}
        held = Walls(int(walls.get("landlock", 0)), bool(walls.get("seccomp", False)))
        if self._is_required:
            _require(held)
        self.has_begun = "landlock" in walls


def _end_of(process: "subprocess.Popen[bytes]") -> int:
    """Its exit status, for which it is given some time after it has closed its output."""
    try:
        return process.wait(_LAST_WORDS)
    except subprocess.TimeoutExpired:
        raise MediaUnreadableError("reading the file ended, but its process did not.") from None


def _kill(process: "subprocess.Popen[bytes]") -> None:
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, signal.SIGKILL)


def _cpu_of_children() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime
