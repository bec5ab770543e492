"""Bodies of section 7: everything that is said about one lease."""

from typing import Annotated

from pydantic import Field, JsonValue

from agent.model.failures import FailureCode
from agent.model.lease import Directive, LeaseState, Stage
from agent.wire.base import Body, Duration, Sha256, Size, Text, Token

ArtifactName = Annotated[
    str,
    Field(pattern=r"^(?:[A-Za-z0-9][A-Za-z0-9._-]{0,127}/)?[A-Za-z0-9][A-Za-z0-9._-]{0,127}$"),
]


class Renew(Body):
    boot_id: Token | None = None
    stage: Stage = Stage.QUEUED
    progress: Annotated[float, Field(ge=0, le=1, allow_inf_nan=False)] = 0.0
    message: Text = ""
    health: dict[str, JsonValue] = Field(default_factory=dict)


class Renewed(Body):
    state: LeaseState = LeaseState.OK
    reason: str | None = None
    ttl_s: Duration
    renew_in_s: Duration
    directive: Directive = Directive.CONTINUE


class Release(Body):
    boot_id: Token | None = None
    reason: Text = ""
    retry_after_s: Duration | None = None
    """The job is not offered to this agent for that long."""


class Fail(Body):
    boot_id: Token | None = None
    code: FailureCode
    message: Text = ""
    retryable: bool = False
    detail: Annotated[str, Field(max_length=64 * 1024)] = ""


class ManifestLine(Body):
    name: ArtifactName
    media_type: Annotated[str, Field(max_length=255)]
    size: Size
    sha256: Sha256


class Complete(Body):
    boot_id: Token | None = None
    manifest: tuple[ManifestLine, ...]
    summary: dict[str, JsonValue] = Field(default_factory=dict)
    metrics: dict[str, JsonValue] = Field(default_factory=dict)


class Settled(Body):
    """The answer to `complete`, `fail` and `release`: the job's state after it."""

    job_id: Token
    state: str
