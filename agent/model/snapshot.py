"""One look at the agent, for its owner: all that `status` tells.

Moments are told as seconds from the look, so that nobody has to compare two clocks.
"""

from dataclasses import dataclass, field

from agent.model.ids import Bytes, Seconds


@dataclass(frozen=True, slots=True, kw_only=True)
class Contact:
    """The server, as the last call found it."""

    url: str
    since: Seconds | None
    """How long it has been like this; None: no call has ended yet."""
    trouble: str | None = None
    """Why the last call brought nothing; None: it was answered."""
    dialect: str | None = None
    """What it speaks, `native` or `morag`; None: that is not known yet."""


@dataclass(frozen=True, slots=True, kw_only=True)
class HeldBack:
    """One restraint that is in force."""

    source: str
    rung: str
    why: str
    ends_in: Seconds | None
    devices: tuple[str, ...] = ()
    """Empty: the whole box."""


@dataclass(frozen=True, slots=True, kw_only=True)
class WhyIdle:
    local: str | None
    """What keeps us from asking for work."""
    server: str | None
    """What the server says about the jobs that wait."""
    change: str
    """What ends it."""
    change_in: Seconds | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class HeldLine:
    """One held job."""

    job_id: str
    filename: str
    content_type: str
    attempt: int
    stage: str
    progress: float
    """Of the stage, from 0 to 1."""
    message: str
    held_for: Seconds
    in_stage_for: Seconds
    moved: Bytes | None = None
    """Bytes that its transfer has moved; None: it moves none now."""
    to_move: Bytes | None = None
    rate: float | None = None
    """Bytes a second."""
    lease_left: Seconds | None = None
    """Negative: it has run out, and the next renewal revives it. None: only an offer so far."""


@dataclass(frozen=True, slots=True, kw_only=True)
class GpuLine:
    """One GPU; what it does not tell is None."""

    index: int
    name: str | None = None
    memory_used: Bytes | None = None
    memory_total: Bytes | None = None
    utilisation: float | None = None
    """Percent."""
    temperature: float | None = None
    """Degrees Celsius."""
    power: float | None = None
    """Watts."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Unsettled:
    """The settings on disk and those in force are not the same."""

    need_restart: tuple[str, ...] = ()
    problem: str | None = None
    """Why the file cannot be used; the older settings hold."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Snapshot:
    agent_id: str
    version: str
    pid: int
    at: float
    """Seconds since 1970, by the clock on the wall."""
    up_for: Seconds
    contact: Contact
    mode: str
    mode_reason: str
    slots: int
    computing: int
    outbox: int
    """Finished jobs that the server does not have yet."""
    held: tuple[HeldLine, ...] = ()
    restraints: tuple[HeldBack, ...] = ()
    """The highest rung first."""
    why_idle: WhyIdle | None = None
    """None: something is being done."""
    gpus: tuple[GpuLine, ...] = ()
    taken: int = 0
    ended: dict[str, int] = field(default_factory=dict[str, int])
    """How many jobs of this run ended how."""
    settings: Unsettled = field(default_factory=Unsettled)
