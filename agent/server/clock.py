"""The server's clock: the epoch at start plus the progress of CLOCK_BOOTTIME.

It never jumps while the process runs, counts the time that the machine sleeps, and still makes
moments that can be compared after a restart, when the store shifts its deadlines.
"""

import time
from datetime import UTC, datetime
from typing import Protocol


class Clock(Protocol):
    def now(self) -> float:
        """Seconds since the epoch; never goes back in one process. Safe from any thread."""
        ...


class ServerClock:
    def __init__(self) -> None:
        self._offset = time.time() - _steady()

    def now(self) -> float:
        return self._offset + _steady()


def _steady() -> float:
    # Elsewhere than on Linux the monotonic clock has to do.
    boottime = getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC)
    return time.clock_gettime(boottime)


def in_words(moment: float) -> str:
    """ISO 8601 in UTC: for people, never for decisions."""
    return datetime.fromtimestamp(moment, UTC).isoformat(timespec="milliseconds")
