"""How a box ended, as the error that its pipeline raises."""

import os
import signal
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from errno import EDQUOT, EFBIG, EIO, ENOMEM, ENOSPC, EROFS
from pathlib import Path

from agent.model.ids import JsonObject, Seconds
from agent.pipelines.box.limits import Limits
from agent.pipelines.box.words import printable
from agent.pipelines.errors import (
    CutOffError,
    DecoderKilledError,
    EngineUnavailableError,
    MediaUnreadableError,
    NoAudioTrackError,
    OptionsInvalidError,
    PipelineError,
    TooLargeError,
    UnsupportedMediaError,
)

_TEXT_LIMIT = 1000
_REFUSALS: Mapping[str, type[PipelineError]] = {
    kind.__name__: kind
    for kind in (
        CutOffError,
        EngineUnavailableError,
        MediaUnreadableError,
        NoAudioTrackError,
        OptionsInvalidError,
        TooLargeError,
        UnsupportedMediaError,
    )
}
"""What a reader may say of a file; whatever else it says makes the file unreadable."""
_DISK_TROUBLE = frozenset({ENOSPC, EDQUOT, EIO, EROFS})
_SIGNS_OF_MEMORY = (b"bad_alloc", b"memory allocation of", b"out of memory", b"MemoryError")
"""What C++, Rust, C libraries and Python say before they abort for want of it."""
_NEARLY = 0.9
"""The kernel counts in ticks where it limits, and exactly where it reports."""
_TRIAL = b"\0" * 1024 * 1024
_CHUNK = 1024 * 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class Ending:
    exit_status: int
    """As of `subprocess`: a signal is negative."""
    last_words: bytes
    """The end of its standard error."""
    cpu: Seconds
    """That it used, or a little more."""
    limits: Limits


def died(ending: Ending) -> PipelineError:
    """For a box that gave no answer."""
    number = -ending.exit_status
    is_used_up = ending.cpu >= _NEARLY * ending.limits.cpu
    if number == signal.SIGXCPU or (number == signal.SIGKILL and is_used_up):
        return TooLargeError(f"reading this file takes more than {ending.limits.cpu:g} s.")
    if number == signal.SIGXFSZ:
        return _too_much_written(ending.limits)
    if number == signal.SIGKILL:
        return DecoderKilledError("the process that read the file was killed (SIGKILL).")
    if _says_memory(ending):
        return _too_much_memory(ending.limits)
    if number > 0:
        return MediaUnreadableError(f"reading the file crashed ({_name(number)}).")
    return MediaUnreadableError(f"reading the file failed (exit status {ending.exit_status}).")


def never_began(ending: Ending) -> EngineUnavailableError:
    """For a box that had not even put up its walls: no file can do that."""
    status, words = ending.exit_status, ending.last_words.decode("utf-8", "replace").splitlines()
    reason = printable(words[-1], _TEXT_LIMIT) if words else "it said nothing"
    return EngineUnavailableError(
        f"the process that reads files did not start (exit status {status}: {reason})."
    )


def refusal(answer: JsonObject, limits: Limits, file: Path, scratch: Path) -> PipelineError:
    """For a box whose answer is no result. Raises `OSError` where this disk is to blame."""
    errno = answer.get("errno")
    if not isinstance(errno, int):
        return _refused(answer)
    if errno in _DISK_TROUBLE:
        _try_disk(errno, file, scratch)
    if errno == EFBIG:
        return _too_much_written(limits)
    if errno == ENOMEM:
        return _too_much_memory(limits)
    text = printable(answer.get("text"), _TEXT_LIMIT)
    return MediaUnreadableError(f"the file cannot be read ({text}).")


def _try_disk(errno: int, file: Path, scratch: Path) -> None:
    """Raises what the disk really says: a file can make a box, or FFmpeg, say anything.

    Where it is to blame, another agent does the job; where it is not, the job has failed.
    """
    with tempfile.TemporaryFile(buffering=0, dir=scratch) as trial:
        trial.write(_TRIAL)
        os.fsync(trial.fileno())
    if errno == EIO:
        with file.open("rb", buffering=0) as read:
            while read.read(_CHUNK):
                pass


def _refused(answer: JsonObject) -> PipelineError:
    text = printable(answer.get("refused", "reading the file led nowhere."), _TEXT_LIMIT)
    kind = answer.get("kind")
    return _REFUSALS.get(kind if isinstance(kind, str) else "", MediaUnreadableError)(text)


def _says_memory(ending: Ending) -> bool:
    # A crash by any other signal is one, whatever was said before.
    is_told = any(sign in ending.last_words for sign in _SIGNS_OF_MEMORY)
    return is_told and (ending.exit_status > 0 or ending.exit_status == -signal.SIGABRT)


def _too_much_memory(limits: Limits) -> TooLargeError:
    mib = limits.memory // 1024**2
    return TooLargeError(f"reading this file takes more than {mib} MiB of memory.")


def _too_much_written(limits: Limits) -> TooLargeError:
    mib = limits.written // 1024**2
    return TooLargeError(f"reading this file writes more than {mib} MiB.")


def _name(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"
