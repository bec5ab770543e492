"""What becomes of a job when something went wrong: every error of the tree is in one table."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from agent.model import errors
from agent.model.failures import FailureCode
from agent.model.ids import Seconds
from agent.model.lease import LostReason


@dataclass(frozen=True, slots=True)
class Fail:
    """Tell the server that the job cannot be done."""

    code: FailureCode
    message: str
    detail: str = ""


@dataclass(frozen=True, slots=True)
class Release:
    """Hand the job back: it is fine, we are not."""

    reason: str
    retry_after: Seconds | None = None
    is_box_fault: bool = False
    """The box is broken in a way that the next job would meet too."""


@dataclass(frozen=True, slots=True)
class Drop:
    """Say nothing more: the lease is not ours."""

    reason: LostReason


@dataclass(frozen=True, slots=True)
class StopAgent:
    """Stop everything: another process speaks under our name."""

    reason: str


Verdict = Fail | Release | Drop | StopAgent


def _internal(error: errors.AgentError) -> Verdict:
    return Fail(FailureCode.INTERNAL, str(error))


def _failed(error: errors.AgentError) -> Verdict:
    if isinstance(error, errors.JobFailedError):
        return Fail(error.code, str(error), error.detail)
    return _internal(error)


def _lost(error: errors.AgentError) -> Verdict:
    reason = error.reason if isinstance(error, errors.LeaseLostError) else LostReason.UNKNOWN
    return Drop(reason)


def _returned(error: errors.AgentError) -> Verdict:
    if isinstance(error, errors.JobReturnedError):
        return Release(str(error), error.retry_after, is_box_fault=error.is_box_fault)
    return Release(str(error))


_TABLE: Mapping[type[errors.AgentError], Callable[[errors.AgentError], Verdict]] = {
    errors.AgentError: _internal,
    errors.ConfigError: _internal,
    errors.SpoolError: lambda error: Release(f"spool: {error}", is_box_fault=True),
    errors.DiskFullError: lambda error: Release(f"disk_full: {error}", is_box_fault=True),
    errors.ServerError: _internal,
    # Transient ones are retried where they happen; here their patience has ended.
    errors.ServerUnavailableError: lambda error: Release(f"unavailable: {error}"),
    errors.AskedTooOftenError: lambda error: Release(f"unavailable: {error}"),
    errors.CredentialsRefusedError: lambda error: Release(f"credentials: {error}"),
    errors.UnknownAgentError: lambda error: Release(f"unknown agent: {error}"),
    errors.NewerBootError: lambda error: StopAgent(str(error)),
    errors.LeaseLostError: _lost,
    errors.ArtifactsRefusedError: _internal,
    errors.OffsetMismatchError: _internal,
    errors.UploadGoneError: _internal,
    errors.RequestRefusedError: _internal,
    errors.TooLargeError: _internal,
    errors.InputError: _internal,
    errors.InputUnavailableError: lambda error: Fail(FailureCode.INPUT_UNAVAILABLE, str(error)),
    errors.InputCorruptError: lambda error: Fail(FailureCode.INPUT_CORRUPT, str(error)),
    errors.JobError: _internal,
    errors.JobFailedError: _failed,
    errors.JobReturnedError: _returned,
}


def verdict(error: errors.AgentError) -> Verdict:
    """Raises `KeyError` for an error that the table does not know: that is a bug."""
    return _TABLE[type(error)](error)
