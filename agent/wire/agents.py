"""Bodies of sections 4 and 5: hello, sign-off, poll."""

from enum import StrEnum
from typing import Annotated

from pydantic import Field, JsonValue

from agent.model.lease import Directive, Stage
from agent.wire.base import (
    LEASE_TTL,
    MAX_POLL_WAIT,
    OFFER_TTL,
    POLL_WAIT,
    RENEW_EVERY,
    Body,
    Duration,
    Name,
    Sha256,
    Size,
    Text,
    Token,
)


class Capability(StrEnum):
    GPU = "gpu"
    CPU = "cpu"
    HYBRID = "hybrid"


class GpuInfo(Body):
    name: Text = ""
    memory_bytes: Size = 0
    driver: Text = ""


class HardwareInfo(Body):
    cpu_cores: Annotated[int, Field(ge=0)] = 0
    memory_bytes: Size = 0
    disk_free_bytes: Size = 0
    gpus: tuple[GpuInfo, ...] = ()


class Location(Body):
    hostname: Text = ""
    is_remote: bool = True


class Resuming(Body):
    """A lease of an older boot that the agent still has on disk."""

    job_id: Token
    lease_id: Token
    stage: Stage


class Hello(Body):
    boot_id: Token
    boot_seq: Annotated[int, Field(ge=0, le=2**53)] | None = None
    name: Text = ""
    version: Text = ""
    capability: Capability
    content_types: tuple[Name, ...]
    queues: tuple[Name, ...] = ()
    """Empty: all of them."""
    slots: Annotated[int, Field(ge=1, le=1024)]
    labels: dict[str, Text] = Field(default_factory=dict)
    hardware: HardwareInfo = HardwareInfo()
    location: Location = Location()
    resuming: tuple[Resuming, ...] = ()


class InputInfo(Body):
    url: str
    size: Size | None = None
    sha256: Sha256 | None = None
    etag: str | None = None
    filename: Text = ""
    media_type: str | None = None


class ArtifactsInfo(Body):
    transport: str = "tus"
    url: str


class ResumedState(StrEnum):
    OK = "ok"
    LOST = "lost"


class Resumed(Body):
    """`ok` always comes with the new lease and where to go on."""

    lease_id: Token
    state: ResumedState
    new_lease_id: Token | None = None
    input: InputInfo | None = None
    artifacts: ArtifactsInfo | None = None


class Welcome(Body):
    poll_wait_s: Duration = POLL_WAIT
    renew_every_s: Duration = RENEW_EVERY
    lease_ttl_s: Duration = LEASE_TTL
    tus: tuple[str, ...] = ()
    resuming: tuple[Resumed, ...] = ()
    messages: tuple[str, ...] = ()
    """For the person who runs the agent."""


class SignOff(Body):
    keep: tuple[Token, ...] = ()
    """Leases whose result lies finished in the outbox."""


class Poll(Body):
    boot_id: Token
    request_id: Token
    wait_s: Annotated[float, Field(ge=0, le=MAX_POLL_WAIT, allow_inf_nan=False)] = POLL_WAIT
    free_slots: Annotated[int, Field(ge=0, le=1024)] = 0
    prefetch: Annotated[int, Field(ge=0, le=1024)] = 0
    content_types: tuple[Name, ...] | None = None
    """None: as in hello."""
    queues: tuple[Name, ...] | None = None
    max_input_bytes: Size | None = None
    health: dict[str, JsonValue] = Field(default_factory=dict)


class OfferInfo(Body):
    job_id: Token
    lease_id: Token
    attempt: Annotated[int, Field(ge=1)]
    offer_ttl_s: Duration = OFFER_TTL
    lease_ttl_s: Duration = LEASE_TTL
    queue: Text = ""
    content_type: Text
    options: dict[str, JsonValue] = Field(default_factory=dict)
    input: InputInfo
    artifacts: ArtifactsInfo
    timeout_s: Duration | None = None


class PollAnswer(Body):
    offer: OfferInfo | None = None
    skipped: dict[str, int] = Field(default_factory=dict)
    """Why waiting jobs were not offered: reason -> number of jobs."""
    directive: Directive = Directive.CONTINUE
    reason: str | None = None
