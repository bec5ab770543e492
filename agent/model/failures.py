"""Why a job failed: the codes of the protocol, section 9, and which of them may be tried again."""

from enum import StrEnum


class FailureCode(StrEnum):
    INPUT_UNAVAILABLE = "input_unavailable"
    INPUT_CORRUPT = "input_corrupt"
    UNSUPPORTED_MEDIA = "unsupported_media"
    MEDIA_UNREADABLE = "media_unreadable"
    OPTIONS_INVALID = "options_invalid"
    TOO_LARGE = "too_large"
    OUT_OF_MEMORY = "out_of_memory"
    WORKER_CRASHED = "worker_crashed"
    TIMEOUT = "timeout"
    INTERNAL = "internal"
    WORKER_LOST = "worker_lost"
    """Set by the server alone: the last attempt's lease ran out and nobody came back."""


RETRYABLE = frozenset(
    {
        FailureCode.INPUT_UNAVAILABLE,
        FailureCode.INPUT_CORRUPT,
        FailureCode.OUT_OF_MEMORY,
        FailureCode.WORKER_CRASHED,
        FailureCode.TIMEOUT,
        FailureCode.INTERNAL,
    }
)
"""The rest is final: the same input would fail everywhere."""

RETRYABLE_ONCE = frozenset(
    {FailureCode.INPUT_CORRUPT, FailureCode.OUT_OF_MEMORY, FailureCode.TIMEOUT}
)
"""A second failure with the same code ends the job."""
