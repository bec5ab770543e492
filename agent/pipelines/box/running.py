"""Has a stranger's file read in a process of its own, and trusts nothing that it says."""

import json
import selectors
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO, cast

from agent.model.ids import JsonObject, Seconds
from agent.pipelines.box.limits import Limits
from agent.pipelines.box.request import MAX_LINE, Request
from agent.pipelines.errors import (
    CutOffError,
    DecoderKilledError,
    MediaUnreadableError,
    NoAudioTrackError,
    OptionsInvalidError,
    PipelineError,
    TooLargeError,
    UnsupportedMediaError,
)

_USUAL = Limits()
_LAST_WORDS = 30.0
"""Seconds a process may take to end once its output has."""
_CHUNK = 1024 * 1024
_REFUSALS: Mapping[str, type[PipelineError]] = {
    kind.__name__: kind
    for kind in (
        CutOffError,
        MediaUnreadableError,
        NoAudioTrackError,
        OptionsInvalidError,
        TooLargeError,
        UnsupportedMediaError,
    )
}
"""What a reader may say of a file; whatever else it says makes the file unreadable."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Box:
    """How boxes are made on this machine."""

    command: Sequence[str] = (sys.executable, "-m", "agent.pipelines.box.boxed")

    def read(
        self,
        reader: str,
        file: Path,
        scratch: Path,
        arguments: JsonObject | None = None,
        *,
        limits: Limits = _USUAL,
        on_told: Callable[[float], None] = lambda _: None,
    ) -> JsonObject:
        """What `reader` of `box.readers` makes of `file`; what it writes goes into `scratch`.

        Raises `PipelineError` for what is the file's fault, `OSError` where the disk refuses. The
        box stays in this process's session: who kills that, kills both.
        """
        if file.stat().st_size == 0:
            raise MediaUnreadableError("the file is empty.")
        request = Request(
            reader=reader,
            file=str(file.absolute()),
            scratch=str(scratch.absolute()),
            arguments=arguments or {},
            limits=limits,
        )
        with subprocess.Popen(  # noqa: S603 - our own module
            self.command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, bufsize=0
        ) as process:
            try:
                _ask(cast("IO[bytes]", process.stdin), request)
                answer = _listen(cast("IO[bytes]", process.stdout), limits.stall, on_told)
                exit_status = process.wait(_LAST_WORDS)
            except BaseException:
                process.kill()
                raise
        return _interpreted(answer, exit_status)


def _ask(pipe: IO[bytes], request: Request) -> None:
    with pipe:
        pipe.write(request.line())


def _listen(
    output: IO[bytes], stall_limit: Seconds, on_told: Callable[[float], None]
) -> JsonObject:
    """The last words of a box; those before it were signs of life."""
    answer: JsonObject = {}
    for line in _lines(output, stall_limit):
        answer = _parsed(line)
        position = answer.get("at")
        if isinstance(position, float):
            on_told(position)
    return answer


def _lines(output: IO[bytes], stall_limit: Seconds) -> Iterator[bytes]:
    rest = b""
    with selectors.DefaultSelector() as selector:
        selector.register(output, selectors.EVENT_READ)
        while selector.select(stall_limit):
            chunk = output.read(_CHUNK)
            if not chunk:
                return
            *lines, rest = (rest + chunk).split(b"\n")
            yield from lines
            if len(rest) > MAX_LINE:
                raise TooLargeError(f"what is in the file is over {MAX_LINE // 1024**2} MiB.")
    raise MediaUnreadableError(f"reading the file stood still for {stall_limit:g} s.")


def _parsed(line: bytes) -> JsonObject:
    try:
        words = json.loads(line)
    except (ValueError, RecursionError):
        return {}
    return words if isinstance(words, dict) else {}


def _interpreted(answer: JsonObject, exit_status: int) -> JsonObject:
    if exit_status == -signal.SIGKILL:
        raise DecoderKilledError("the process that read the file was killed (SIGKILL).")
    if exit_status < 0:
        name = signal.Signals(-exit_status).name
        raise MediaUnreadableError(f"reading the file crashed ({name}).")
    result, errno = answer.get("result"), answer.get("errno")
    if isinstance(result, dict):
        return result
    if isinstance(errno, int):
        raise OSError(errno, str(answer.get("text"))[:200])
    raise _refused(answer, exit_status)


def _refused(answer: JsonObject, exit_status: int) -> PipelineError:
    text = str(answer.get("refused") or f"reading the file failed (exit status {exit_status}).")
    kind = answer.get("kind")
    return _REFUSALS.get(kind if isinstance(kind, str) else "", MediaUnreadableError)(text[:1000])
