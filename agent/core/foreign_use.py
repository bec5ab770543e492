"""Is somebody else at work on a GPU, and who: what one look at it shows.

What counts, in this order: a program that the owner chose by name; a process that computes; memory
over the threshold, of one program or of all above what lies there in calm times; the video encoder,
which we never use; the arithmetic units over the threshold. The desktop's own programs never count.

Our own processes are told by their numbers. In a container these mean nothing, because the driver
counts as the host does, or lists nobody. There only the whole GPU speaks: what it holds and does
beyond its calm state while we are at rest. While we compute, a program that comes to it is not
seen, unless it encodes; `--pid=host` mends that. What no look can tell is never held against
ourselves. WSL2 and MIG slices, which list no processes, are the same.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum
from fnmatch import fnmatchcase

from agent.model.gpu_state import GpuProcess, GpuState, ProcessKind
from agent.model.ids import Bytes, Instant, Seconds

ENCODER_PERCENT = 5
"""A call or a stream keeps the encoder busier than that; less is a reading of noise."""
SETTLING = Seconds(600.0)
"""Small programs that grew no more for that long are the desktop's: a browser with many windows."""
GRAIN = 64 * 10**6
"""Bytes by which memory may sway and still count as resting."""
GB = 10**9


class Mode(Enum):
    ALWAYS = "always"
    WHEN_IDLE = "when_idle"
    ON_SCHEDULE = "on_schedule"
    NEVER = "never"


@dataclass(frozen=True, slots=True, kw_only=True)
class GuestPolicy:
    """What the owner decided about sharing the box."""

    mode: Mode = Mode.ALWAYS
    idle: Seconds = Seconds(180.0)  # noqa: RUF009 - a number
    memory: Bytes = Bytes(GB)  # noqa: RUF009 - a number
    utilisation_percent: int = 20
    programs: tuple[str, ...] = ()
    """Patterns of names: these programs count wherever they run."""
    ignore: tuple[str, ...] = ()
    """Patterns of names that never count."""
    quiet: Seconds = Seconds(60.0)  # noqa: RUF009 - a number
    hand_back_after: Seconds = Seconds(60.0)  # noqa: RUF009 - a number


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """One GPU, and what is known of ourselves on it."""

    state: GpuState
    own_pids: frozenset[int] = frozenset()
    are_pids_ours_to_read: bool = True
    is_computing: bool = False
    """Anywhere on the box, now or at the last look: readings lag behind."""

    @property
    def is_telling(self) -> bool:
        """Can our processes be told from others by their numbers."""
        return self.are_pids_ours_to_read and self.state.processes is not None

    @property
    def own(self) -> tuple[GpuProcess, ...]:
        return tuple(one for one in self.state.processes or () if one.pid in self.own_pids)

    @property
    def may_be_ours(self) -> bool:
        """Could the load of the whole GPU be our own."""
        return self.is_computing and (bool(self.own) or not self.is_telling)


class Calm:
    """How much of one GPU's memory lies with others in calm times: driver, desktop, browser."""

    def __init__(self) -> None:
        self._calm: int | None = None
        self._level = 0
        self._level_since: Instant | None = None

    def excess(self, held: Bytes, now: Instant) -> Bytes:
        """How much of `held` is more than that. It falls at once, and rises when all is settled."""
        if self._level_since is None or abs(held - self._level) > GRAIN:
            self._level, self._level_since = held, now
        elif now - self._level_since >= SETTLING:
            self._calm = held
        self._calm = held if self._calm is None else min(self._calm, held)
        return Bytes(held - self._calm)

    def forget(self) -> None:
        """What we leave on the GPU ourselves is about to look like somebody else's."""
        self._calm = self._level_since = None


def foreign_use(seen: Seen, policy: GuestPolicy, calm: Calm, now: Instant) -> str | None:
    """Who is at work on the GPU, in words, or None. `calm` is told of every look."""
    excess = _excess(seen, policy, calm, now)
    others = foreigners(seen, policy)
    if (name := _chosen(others, policy)) is not None:
        return name
    if (process := next((one for one in others if _only_computes(one)), None)) is not None:
        return in_words(process)
    largest = max(others, key=lambda one: one.memory or 0, default=None)
    if largest is not None and (largest.memory or 0) > policy.memory:
        return in_words(largest)
    if excess > policy.memory:
        return f"other programs (together {excess / GB:.1f} GB more than in calm times)"
    return _busy(seen, others, policy)


def foreigners(seen: Seen, policy: GuestPolicy) -> tuple[GpuProcess, ...]:
    """Other people's processes, without the desktop's own; none where they cannot be told."""
    if not seen.is_telling:
        return ()
    return tuple(
        one
        for one in seen.state.processes or ()
        if one.pid not in seen.own_pids and not matches(one.name, policy.ignore)
    )


def matches(name: str | None, patterns: tuple[str, ...]) -> bool:
    return name is not None and any(
        fnmatchcase(name.lower(), pattern.lower()) for pattern in patterns
    )


def in_words(process: GpuProcess) -> str:
    name = process.name or f"process {process.pid}"
    return name if process.memory is None else f"{name} ({process.memory / GB:.1f} GB)"


def _only_computes(process: GpuProcess) -> bool:
    # A browser that decodes a film does both, and so does many a game: those are told by size.
    return process.kind is ProcessKind.COMPUTE


def _chosen(others: tuple[GpuProcess, ...], policy: GuestPolicy) -> str | None:
    return next((in_words(one) for one in others if matches(one.name, policy.programs)), None)


def _excess(seen: Seen, policy: GuestPolicy, calm: Calm, now: Instant) -> Bytes:
    if not seen.is_telling and seen.is_computing:
        calm.forget()
        return Bytes(0)
    held = _held_by_others(seen, policy)
    return Bytes(0) if held is None else calm.excess(held, now)


def _held_by_others(seen: Seen, policy: GuestPolicy) -> Bytes | None:
    """With what the driver keeps, and what nobody admits to; None where it cannot be told."""
    if seen.state.used is None:
        return None
    not_theirs = [
        one
        for one in (seen.state.processes or () if seen.is_telling else ())
        if one.pid in seen.own_pids or matches(one.name, policy.ignore)
    ]
    known = [one.memory for one in not_theirs if one.memory is not None]
    if len(known) < len(not_theirs):
        return None
    return Bytes(max(0, seen.state.used - sum(known)))


def _busy(seen: Seen, others: tuple[GpuProcess, ...], policy: GuestPolicy) -> str | None:
    load = seen.state.load
    encoding = [(one, one.encoder_percent) for one in others]
    found = _busiest("encoder", encoding, load.encoder, ENCODER_PERCENT, seen)
    if found is not None:
        return found
    computing = [(one, one.compute_percent) for one in others]
    whole = None if seen.may_be_ours else load.compute
    return _busiest("load", computing, whole, policy.utilisation_percent, seen)


def _busiest(
    part: str,
    by_process: Sequence[tuple[GpuProcess, int | None]],
    whole: int | None,
    least: int,
    seen: Seen,
) -> str | None:
    """Who keeps this part of the GPU busy. Where the driver tells no more, the whole GPU counts."""
    told = [(percent, one) for one, percent in by_process if percent is not None]
    if told:
        percent, one = max(told, key=lambda pair: pair[0])
        is_busy = sum(pair[0] for pair in told) > least
        return f"{in_words(one)}, {part} {percent} %" if is_busy else None
    # Without others on a GPU that names everybody it is us, or the desktop.
    if whole is None or whole <= least or (seen.is_telling and not by_process):
        return None
    name = in_words(by_process[0][0]) if by_process else "another program"
    return f"{name}, {part} {whole} %"
