"""What an answer of the server means to us: problem documents become our errors, once."""

from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

from pydantic import ValidationError

from agent.model.errors import (
    ArtifactsRefusedError,
    CredentialsRefusedError,
    LeaseLostError,
    NewerBootError,
    OffsetMismatchError,
    RequestRefusedError,
    ServerError,
    ServerUnavailableError,
    TooLargeError,
    UnknownAgentError,
    UploadGoneError,
)
from agent.model.ids import Seconds
from agent.model.lease import LostReason
from agent.wire.base import Body
from agent.wire.problems import Problem, ProblemCode

CONTENT_TOO_LARGE = 413
LONGEST_RETRY_AFTER = Seconds(15 * 60.0)

_TRANSIENT = frozenset(
    {
        ProblemCode.SLOW_DOWN,
        ProblemCode.INTERNAL,
        ProblemCode.UNAVAILABLE,
        ProblemCode.DISK_FULL,
    }
)


def error_of(status: int, headers: Mapping[str, str], body: bytes) -> ServerError:
    """The error that an answer with a status of 400 or more stands for.

    It is decided by `code`. Without one it is not our server that speaks but something on the way,
    and that may be gone in a moment.
    """
    problem = _problem(status, body)
    if status == CONTENT_TOO_LARGE:
        return TooLargeError(_said(problem) if problem else f"the server answered {status}")
    if problem is None or problem.code in _TRANSIENT:
        said = problem.detail if problem else ""
        return ServerUnavailableError(
            f"the server answered {status}{': ' + said if said else ''}",
            retry_after=retry_after(headers),
            answered=True,
        )
    return _BY_CODE.get(problem.code, _refused)(problem)


def is_problem(status: int, body: bytes) -> bool:
    """Does a server speak here that knows our protocol, whatever it says."""
    return _problem(status, body) is not None


def _said(problem: Problem) -> str:
    where = f" ({problem.field})" if problem.field else ""
    return f"{problem.detail or problem.title or problem.code.value}{where}"


def _newer_boot(problem: Problem) -> NewerBootError:
    known = "" if problem.boot_seq is None else f" (it knows start number {problem.boot_seq})"
    return NewerBootError(
        f"the server has seen a later start of this agent{known}: either another process runs under"
        " this agent id, or the spool folder is an old one; stop the other one, use the latest"
        " spool, or give this one an --agent-id and a token of its own",
        boot_seq=problem.boot_seq,
    )


_BY_CODE: Mapping[ProblemCode, Callable[[Problem], ServerError]] = {
    ProblemCode.UNAUTHORIZED: lambda problem: CredentialsRefusedError(_said(problem)),
    ProblemCode.FORBIDDEN: lambda problem: CredentialsRefusedError(_said(problem)),
    ProblemCode.NEWER_BOOT: _newer_boot,
    ProblemCode.UNKNOWN_AGENT: lambda problem: UnknownAgentError(_said(problem)),
    ProblemCode.LEASE_LOST: lambda problem: LeaseLostError(problem.reason or LostReason.UNKNOWN),
    ProblemCode.UNKNOWN_LEASE: lambda _: LeaseLostError(LostReason.UNKNOWN),
    ProblemCode.ARTIFACT_MISSING: lambda problem: ArtifactsRefusedError(problem.artifacts or ()),
    ProblemCode.ARTIFACT_MISMATCH: lambda problem: ArtifactsRefusedError(problem.artifacts or ()),
    ProblemCode.OFFSET_MISMATCH: lambda problem: OffsetMismatchError(_said(problem)),
    ProblemCode.CHECKSUM_MISMATCH: lambda problem: OffsetMismatchError(_said(problem)),
    ProblemCode.UNKNOWN_UPLOAD: lambda problem: UploadGoneError(_said(problem)),
}
"""Every other code of section 10 says that the request is wrong and stays wrong."""


def _refused(problem: Problem) -> ServerError:
    return RequestRefusedError(f"{problem.code.value}: {_said(problem)}")


class _Spoken(Problem):
    status: int = 0
    """Only advisory (RFC 9457, section 3.1.2): another server may leave it out."""


class _OnlyCode(Body):
    code: ProblemCode


def _problem(status: int, body: bytes) -> Problem | None:
    """The problem in `body`; members that make no sense do not hide its code."""
    try:
        return _Spoken.model_validate_json(body)
    except ValidationError:
        pass
    try:
        return Problem(status=status, code=_OnlyCode.model_validate_json(body).code)
    except ValidationError:
        return None


def retry_after(headers: Mapping[str, str]) -> Seconds | None:
    """RFC 9110, section 10.2.3: a number of seconds or a date."""
    value = headers.get("retry-after", "").strip()
    if not value:
        return None
    try:
        wait = float(value) if value.isdigit() else _seconds_until(value)
    except (TypeError, ValueError):
        return None
    return Seconds(min(max(0.0, wait), LONGEST_RETRY_AFTER))


def _seconds_until(date: str) -> float:
    return (parsedate_to_datetime(date) - datetime.now(UTC)).total_seconds()
