"""What computing costs: seconds on each GPU, and the energy that the cards count themselves.

Jobs that share a card share what it draws; what it draws for others at the same time (the owner's
desktop) cannot be told apart and is counted too. A job that waits off its card costs nothing.
"""

import time
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from types import MappingProxyType

from agent.model.ids import JobId, Seconds

Energy = Callable[[], Mapping[str, float] | None]
"""Joules by the UUID of the card, since its driver was loaded; None where nothing can be read."""


@dataclass(slots=True)
class Cost:
    seconds: Seconds = Seconds(0.0)  # noqa: RUF009 - a number
    joules: float | None = None
    """None: no card has told."""

    def add(self, seconds: float, joules: float | None) -> None:
        self.seconds = Seconds(self.seconds + seconds)
        if joules is not None:
            self.joules = (self.joules or 0.0) + joules


class Meter:
    def __init__(
        self,
        energy: Energy = lambda: None,
        uuids: Mapping[int, str] = MappingProxyType({}),
        now: Callable[[], float] = time.monotonic,
    ) -> None:
        """`uuids` by the number that the driver gives each card: a device may be called so."""
        self._energy = energy
        self._uuids = uuids
        self._now = now
        self._running: list[tuple[JobId, str]] = []
        self._of: defaultdict[JobId, Cost] = defaultdict(Cost)
        self._read_at = 0.0
        self._read: Mapping[str, float] = {}
        self.seconds: dict[str, float] = {}
        self.joules: dict[str, float] = {}

    @contextmanager
    def computing(self, job_id: JobId, device: str | None) -> Iterator[Callable[[bool], None]]:
        """Around one computation; None is the processor, which has no meter.

        Gives whom to tell whether the job waits just now.
        """
        if device is None:
            yield lambda _: None
            return
        running = job_id, _uuid(device, self._uuids)

        def hear(is_waiting: bool) -> None:
            if (running in self._running) is not is_waiting:
                return
            self._book()
            if is_waiting:
                self._running.remove(running)
            else:
                self._running.append(running)

        hear(False)
        try:
            yield hear
        finally:
            hear(True)

    def take(self, job_id: JobId) -> Cost:
        """What this job has cost since it was last taken, until now."""
        self._book()
        return self._of.pop(job_id, Cost())

    def _book(self) -> None:
        """Put what went by since the last reading down to those that computed in it."""
        now, before = self._now(), self._read
        elapsed, self._read_at = now - self._read_at, now
        self._read = self._energy() or {}
        sharers = Counter(uuid for _, uuid in self._running)
        for uuid in sharers:
            self.seconds[uuid] = self.seconds.get(uuid, 0.0) + elapsed
            if (drawn := _drawn(before, self._read, uuid)) is not None:
                self.joules[uuid] = self.joules.get(uuid, 0.0) + drawn
        for job_id, uuid in self._running:
            drawn = _drawn(before, self._read, uuid)
            self._of[job_id].add(elapsed, None if drawn is None else drawn / sharers[uuid])


def _drawn(before: Mapping[str, float], after: Mapping[str, float], uuid: str) -> float | None:
    if uuid not in before or uuid not in after:
        return None
    # Less than before: the driver was loaded again, and what it had counted is lost.
    return max(0.0, after[uuid] - before[uuid])


def _uuid(device: str, uuids: Mapping[int, str]) -> str:
    """CUDA takes a number, a UUID, or the beginning of one."""
    if device.isdecimal():
        return uuids.get(int(device), device)
    return next((uuid for uuid in uuids.values() if uuid.startswith(device)), device)
