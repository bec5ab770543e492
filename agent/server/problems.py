"""Refusals: raised anywhere in the server, told as RFC 9457 problem documents."""

from collections.abc import Mapping, Sequence

from agent.model.lease import LostReason
from agent.wire.problems import STATUS, Problem, ProblemCode


class ProblemError(Exception):
    """A call that is answered with a problem; `extra` are the members of its code."""

    def __init__(
        self,
        code: ProblemCode,
        detail: str,
        *,
        status: int | None = None,
        headers: Mapping[str, str] | None = None,
        extra: Problem | None = None,
    ) -> None:
        super().__init__(detail)
        self.headers = dict(headers or {})
        fields = {
            "code": code,
            "detail": detail,
            "title": code.replace("_", " "),
            "status": status or STATUS[code],
        }
        base = Problem(code=code, status=STATUS[code]) if extra is None else extra
        self.problem = base.model_copy(update=fields)


def lease_lost(reason: LostReason) -> ProblemError:
    code = ProblemCode.LEASE_LOST
    extra = Problem(code=code, status=STATUS[code], reason=reason)
    return ProblemError(code, f"the lease is over: {reason}", extra=extra)


def newer_boot(boot_seq: int | None) -> ProblemError:
    code = ProblemCode.NEWER_BOOT
    extra = Problem(code=code, status=STATUS[code], boot_seq=boot_seq)
    return ProblemError(code, "another process of this agent has taken over", extra=extra)


def artifacts_refused(code: ProblemCode, names: Sequence[str]) -> ProblemError:
    extra = Problem(code=code, status=STATUS[code], artifacts=tuple(names))
    return ProblemError(code, f"send again: {', '.join(names)}", extra=extra)


def invalid(field: str, detail: str) -> ProblemError:
    code = ProblemCode.INVALID
    extra = Problem(code=code, status=STATUS[code], field=field)
    return ProblemError(code, f"{field}: {detail}", extra=extra)
