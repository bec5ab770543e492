"""May we ask for work, and if not, why: the one line that an idle agent owes its owner."""

from dataclasses import dataclass

from agent.core.forecast import Doable
from agent.model.ids import Bytes

PREFETCH = 1
"""Places for jobs that download while all slots compute."""
GB = 10**9
DISK_PER_INPUT = 2
"""Free disk that an input needs, in multiples of its size: itself and what comes of it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class View:
    """What admission looks at."""

    slots: int
    held: int
    """Jobs under a lease that still need a slot, or compute in one; deliveries go on beside."""
    jobs_left: int | None
    """How many more jobs may be taken in this run; None: no limit."""
    disk_free: Bytes
    awaited: Bytes
    """What running downloads still bring to that disk."""
    disk_reserve: Bytes
    max_input: Bytes
    paused: str | None
    """Why we take nothing new, or None."""
    trust: int | None = None
    """How many more jobs may be taken while failures are counted; None: no limit."""
    doable: Doable | None = None
    """What would be done before quiet hours begin; None: all that we can do."""
    hurry: str = ""
    """Why there is so little time for that."""
    quota_left: Bytes | None = None
    """What may still be fetched; None: no limit."""


@dataclass(frozen=True, slots=True)
class AskForWork:
    free_slots: int
    prefetch: int
    max_input: Bytes
    content_types: tuple[str, ...] | None = None
    """None: all that hello told of."""


@dataclass(frozen=True, slots=True)
class OnlyBeat:
    """Poll with nothing free, so that the server knows that we live and can speak to us."""

    why: str


Decision = AskForWork | OnlyBeat


def admit(view: View) -> Decision:
    if view.paused is not None:
        return OnlyBeat(view.paused)
    if view.jobs_left is not None and view.jobs_left <= 0:
        return OnlyBeat("as many jobs as wanted were taken")
    if view.doable is not None and not view.doable.content_types:
        return OnlyBeat(view.hurry)
    room = (view.disk_free - view.awaited - view.disk_reserve) // DISK_PER_INPUT
    if room <= 0:
        # In whole tenths: the reason is told again whenever it changes.
        free, reserve = view.disk_free / GB, view.disk_reserve / GB
        spoken_for = f" and {view.awaited / GB:.1f} GB are on their way" if view.awaited else ""
        return OnlyBeat(
            f"the spool's disk has {free:.1f} GB free, of which {reserve:.1f} GB are to stay free"
            f"{spoken_for}"
        )
    free = max(0, view.slots - view.held)
    prefetch = 0 if free else max(0, view.slots + PREFETCH - view.held)
    if not free and not prefetch:
        return OnlyBeat(f"all {view.slots} slots and the place behind them are taken")
    if view.trust is not None:
        free, prefetch = min(free, max(0, view.trust)), min(prefetch, max(0, view.trust))
    if not free and not prefetch:
        return OnlyBeat("the last jobs failed: one has to succeed before more are taken")
    types = None if view.doable is None else view.doable.content_types
    return AskForWork(free, prefetch, _largest(view, room), types)


def _largest(view: View, room: int) -> Bytes:
    limits = [room, view.max_input]
    if view.doable is not None:
        limits.append(view.doable.max_input)
    if view.quota_left is not None:
        limits.append(max(0, view.quota_left - view.awaited))
    return Bytes(min(limits))
