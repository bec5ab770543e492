"""Why a task cannot be done, each error with its protocol code.

PipelineError
 ├── UnsupportedMediaError    no pipeline for this content type
 ├── MediaUnreadableError     the file is broken, empty, or not what it should be
 │   ├── CutOffError          … or lacks its end
 │   ├── NoAudioTrackError    … or has no sound at all
 │   └── NoSpeechError        … or nobody speaks in it
 ├── OptionsInvalidError      an option is unknown or has a value that cannot work
 ├── InputUnavailableError    what the sender points at does not come just now
 ├── TooLargeError            more than one task may hold
 ├── EngineUnavailableError   this box lacks a library or a model
 │   └── GpuUnavailableError  … or the GPU that the settings ask for
 └── DecoderKilledError       somebody killed the decoder; perhaps the kernel, for memory

Everything else is a surprise: `as_outcome` turns it into out of memory where it is, into the box's
own trouble where the disk refuses, else into internal.
"""

import traceback
from errno import EDQUOT, EIO, ENOSPC, EROFS
from typing import ClassVar

from agent.model.failures import FailureCode
from agent.model.work import Failed, Returned

_MESSAGE_LIMIT = 300
_DETAIL_LIMIT = 8 * 1024
_NO_SPACE = frozenset({ENOSPC, EDQUOT})
_DISK_TROUBLE = _NO_SPACE | {EIO, EROFS}
"""What the system says when the disk is to blame and not the file: another box can do the job."""


class PipelineError(Exception):
    """Its text is one sentence for the person who sent the job."""

    code: ClassVar[FailureCode] = FailureCode.INTERNAL


class UnsupportedMediaError(PipelineError):
    code = FailureCode.UNSUPPORTED_MEDIA


class MediaUnreadableError(PipelineError):
    code = FailureCode.MEDIA_UNREADABLE


class CutOffError(MediaUnreadableError):
    """The file promises more than it holds."""


class NoAudioTrackError(MediaUnreadableError):
    """There is nothing to hear; a film may be worth looking at all the same."""


class NoSpeechError(MediaUnreadableError):
    """A recording in which nobody speaks, or nothing that could be understood."""


class OptionsInvalidError(PipelineError):
    code = FailureCode.OPTIONS_INVALID


class InputUnavailableError(PipelineError):
    """Retryable: the network, or the other end of it, may be better tomorrow."""

    code = FailureCode.INPUT_UNAVAILABLE


class TooLargeError(PipelineError):
    code = FailureCode.TOO_LARGE


class EngineUnavailableError(PipelineError):
    """Retryable: another box may have what this one lacks."""

    code = FailureCode.INTERNAL


class GpuUnavailableError(EngineUnavailableError):
    """The box's fault alone: the job is handed back, not failed."""


class DecoderKilledError(PipelineError):
    """Not the file's fault: its own limits end the decoder in other ways."""

    code = FailureCode.WORKER_CRASHED


def as_outcome(error: Exception) -> Failed | Returned:
    """What crosses the pipe for an error that ended a task."""
    if isinstance(error, GpuUnavailableError):
        return Returned(f"gpu_unavailable: {error}")
    if isinstance(error, PipelineError):
        return Failed(error.code, str(error))
    if isinstance(error, OSError) and error.errno in _DISK_TROUBLE:
        word = "disk_full" if error.errno in _NO_SPACE else "disk"
        return Returned(f"{word}: {error.strerror}")
    # An error may be of any make: not even its text is to be had from all of them.
    told = traceback.TracebackException.from_exception(error)
    detail = "".join(told.format())[-_DETAIL_LIMIT:]
    if _tells_out_of_memory(error, str(told)):
        return Failed(FailureCode.OUT_OF_MEMORY, "Memory ran out during the task.", detail)
    message = f"{type(error).__name__}: {told}"[:_MESSAGE_LIMIT]
    return Failed(FailureCode.INTERNAL, message, detail)


def is_out_of_memory(error: Exception) -> bool:
    return _tells_out_of_memory(error, str(error))


def _tells_out_of_memory(error: Exception, told: str) -> bool:
    # By name: torch is not imported where it was not used, and CTranslate2 raises a bare
    # RuntimeError("CUDA failed with error out of memory").
    if isinstance(error, MemoryError) or type(error).__name__ == "OutOfMemoryError":
        return True
    return isinstance(error, RuntimeError) and "out of memory" in told.lower()
