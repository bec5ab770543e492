"""Errors on the wire: RFC 9457 problem documents with the stable codes of section 10."""

from collections.abc import Mapping
from enum import StrEnum

from pydantic import ConfigDict

from agent.model.lease import LostReason
from agent.wire.base import Body

MEDIA_TYPE = "application/problem+json"


class ProblemCode(StrEnum):
    BAD_REQUEST = "bad_request"
    UNAUTHORIZED = "unauthorized"
    FORBIDDEN = "forbidden"
    UNKNOWN_AGENT = "unknown_agent"
    UNKNOWN_JOB = "unknown_job"
    UNKNOWN_LEASE = "unknown_lease"
    UNKNOWN_UPLOAD = "unknown_upload"
    UNKNOWN_ARTIFACT = "unknown_artifact"
    LEASE_LOST = "lease_lost"
    NEWER_BOOT = "newer_boot"
    ARTIFACT_MISSING = "artifact_missing"
    ARTIFACT_MISMATCH = "artifact_mismatch"
    OFFSET_MISMATCH = "offset_mismatch"
    KEY_REUSED = "key_reused"
    JOB_ACTIVE = "job_active"
    TOO_LARGE = "too_large"
    UNSUPPORTED_TYPE = "unsupported_type"
    INVALID = "invalid"
    SLOW_DOWN = "slow_down"
    CHECKSUM_MISMATCH = "checksum_mismatch"
    INTERNAL = "internal"
    UNAVAILABLE = "unavailable"
    DISK_FULL = "disk_full"


STATUS: Mapping[ProblemCode, int] = {
    ProblemCode.BAD_REQUEST: 400,
    ProblemCode.UNAUTHORIZED: 401,
    ProblemCode.FORBIDDEN: 403,
    ProblemCode.UNKNOWN_AGENT: 404,
    ProblemCode.UNKNOWN_JOB: 404,
    ProblemCode.UNKNOWN_LEASE: 404,
    ProblemCode.UNKNOWN_UPLOAD: 404,
    ProblemCode.UNKNOWN_ARTIFACT: 404,
    ProblemCode.LEASE_LOST: 409,
    ProblemCode.NEWER_BOOT: 409,
    ProblemCode.ARTIFACT_MISSING: 409,
    ProblemCode.ARTIFACT_MISMATCH: 409,
    ProblemCode.OFFSET_MISMATCH: 409,
    ProblemCode.KEY_REUSED: 409,
    ProblemCode.JOB_ACTIVE: 409,
    ProblemCode.TOO_LARGE: 413,
    ProblemCode.UNSUPPORTED_TYPE: 415,
    ProblemCode.INVALID: 422,
    ProblemCode.SLOW_DOWN: 429,
    ProblemCode.CHECKSUM_MISMATCH: 460,
    ProblemCode.INTERNAL: 500,
    ProblemCode.UNAVAILABLE: 503,
    ProblemCode.DISK_FULL: 507,
}


class Problem(Body):
    """RFC 9457, section 3.1, with the members that single codes add."""

    model_config = ConfigDict(frozen=True, extra="ignore", use_enum_values=False)

    type: str = "about:blank"
    title: str = ""
    status: int
    code: ProblemCode
    detail: str = ""
    reason: LostReason | None = None
    """Of `lease_lost`."""
    boot_seq: int | None = None
    """Of `newer_boot`: the current number."""
    artifacts: tuple[str, ...] | None = None
    """Of `artifact_missing` and `artifact_mismatch`: the names to send again."""
    field: str | None = None
    """Of `invalid`: the path of the field."""
