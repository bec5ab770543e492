"""What every body on the wire has in common, and the limits of section 11."""

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

MAX_JSON_BODY = 1024 * 1024
MAX_OPTIONS = 256 * 1024
MAX_NESTING = 32

MAX_POLL_WAIT = 50.0
"""Seconds; a proxy in between cuts silent connections at 60 or more."""

POLL_WAIT = 25.0
LEASE_TTL = 90.0
RENEW_EVERY = 30.0
OFFER_TTL = 15.0

TUS_VERSION = "1.0.0"
BOOT_HEADER = "Agent-Boot-Id"
"""Carried by every write about a lease and by the sign-off."""

Duration = Annotated[float, Field(ge=0, allow_inf_nan=False)]
"""Seconds; never a moment in time: the two machines' clocks are not compared."""
Size = Annotated[int, Field(ge=0, le=2**63 - 1)]
"""Bytes."""
Sha256 = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
Name = Annotated[str, Field(min_length=1, max_length=128, pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*$")]
"""Identifiers that people choose: agents, queues, content types."""
Token = Annotated[str, Field(min_length=1, max_length=128)]
"""Identifiers that machines choose: boot, request, lease, job."""
Text = Annotated[str, Field(max_length=4096)]


class Body(BaseModel):
    """Immutable; unknown fields are ignored by both sides."""

    model_config = ConfigDict(frozen=True, extra="ignore")
