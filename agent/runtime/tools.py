"""What every loop is given to work with."""

from collections.abc import Callable
from dataclasses import dataclass, field
from random import Random

from agent.core.backoff import Backoff
from agent.core.fetch_admission import Awaited
from agent.core.vitality import Vitality
from agent.model.ids import Bytes, Seconds
from agent.ports import (
    ArtifactSink,
    Clock,
    Display,
    InputSource,
    Observer,
    Pool,
    Spool,
    Unobserved,
)
from agent.runtime.foresight import Foresight
from agent.runtime.introduced import IntroducedServer

MOST_FAILURES = 5


def _no_quota() -> None:
    return None


@dataclass(frozen=True, slots=True, kw_only=True)
class Tools:
    server: IntroducedServer
    source: InputSource
    sink: ArtifactSink
    spool: Spool
    pool: Pool
    clock: Clock
    display: Display
    rng: Random
    awaited: Awaited = field(default_factory=Awaited)
    observer: Observer = field(default_factory=Unobserved)
    vitality: Vitality = field(default_factory=Vitality)
    foresight: Foresight | None = None
    """None: there are no quiet hours by which a job must be done."""
    quota_left: Callable[[], Bytes | None] = _no_quota
    """What inputs may still bring; None: as much as they like."""

    @property
    def error_backoff(self) -> Backoff:
        return Backoff(Seconds(1.0), Seconds(60.0), self.rng)

    @property
    def delivery_backoff(self) -> Backoff:
        """For what has cost GPU time: patient for days."""
        return Backoff(Seconds(1.0), Seconds(5 * 60.0), self.rng)


@dataclass(frozen=True, slots=True, kw_only=True)
class Policy:
    """What the owner of the box decided."""

    slots: int
    max_input: Bytes
    disk_reserve: Bytes
    task_timeout: Seconds
    soft_stop: Seconds = Seconds(300.0)  # noqa: RUF009 - a number
    """So long before it ends by force, a task is asked to end; never more than a tenth of it."""
    download_timeout: Seconds
    """For one input, resumptions and pauses included."""
    renew_every: Seconds
    """The longest time between two renewals; the server may ask for a shorter one."""
    stop_grace: Seconds
    tidy_every: Seconds = Seconds(3600.0)  # noqa: RUF009 - a number
    """How often the spool is looked through for what has outlived its retention."""
    max_consecutive_failures: int = MOST_FAILURES
    """Then the agent pauses itself."""
    max_jobs: int | None = None
    exit_when_idle: Seconds | None = None
