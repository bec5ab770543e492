"""What the server grants: an offer, and the lease that the first renewal makes of it."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from agent.model.ids import Bytes, Digest, Instant, JobId, JsonValue, LeaseId, Seconds


class Stage(StrEnum):
    """Where a held job is; carried by every renewal."""

    DOWNLOADING = "downloading"
    QUEUED = "queued"
    PROCESSING = "processing"
    UPLOADING = "uploading"


class Directive(StrEnum):
    """What the server asks of the whole agent."""

    CONTINUE = "continue"
    PAUSE = "pause"
    DRAIN = "drain"
    STOP = "stop"


class LeaseState(StrEnum):
    """What a renewal says about its lease."""

    OK = "ok"
    CANCEL = "cancel"
    CANCEL_NOW = "cancel_now"


class LostReason(StrEnum):
    """Why a lease is no longer ours (protocol, section 7)."""

    EXPIRED = "expired"
    SUPERSEDED = "superseded"
    CANCELLED = "cancelled"
    COMPLETED = "completed"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True, kw_only=True)
class InputRef:
    """Where the input is and what it must turn out to be."""

    url: str
    """Absolute, or relative to the server."""
    size: Bytes | None
    sha256: Digest | None
    etag: str | None
    filename: str
    """Data only: never used as a path."""
    media_type: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Offer:
    job_id: JobId
    lease_id: LeaseId
    attempt: int
    offer_ttl: Seconds
    lease_ttl: Seconds
    queue: str
    content_type: str
    options: Mapping[str, JsonValue]
    """May hold the user's secrets: never logged."""
    input: InputRef
    artifacts_url: str
    transport: str
    timeout: Seconds | None


@dataclass(frozen=True, slots=True)
class Renewal:
    """The server's answer to one renewal."""

    state: LeaseState
    ttl: Seconds
    renew_in: Seconds
    directive: Directive
    reason: str | None = None


@dataclass(frozen=True, slots=True)
class Received:
    """An offer and the moment it arrived: offers count from their receipt."""

    offer: Offer
    at: Instant
    is_lease: bool = False
    """A job that goes on after a restart: hello has made a lease of it, counted from its asking."""
