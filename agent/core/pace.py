"""Whether a transfer still moves: fewer than 1 KiB a second for a minute is a stall."""

from agent.model.ids import Instant, Seconds

WINDOW = Seconds(60.0)
SLOWEST = 1024.0
"""Bytes a second."""


class Pace:
    """Watches one transfer in windows of a minute."""

    def __init__(self, now: Instant) -> None:
        self._since = now
        self._received = 0

    def is_stalled(self, received: int, now: Instant) -> bool:
        """Tell how many bytes came just now."""
        self._received += received
        if now - self._since < WINDOW:
            return False
        rate = self._received / (now - self._since)
        self._since, self._received = now, 0
        return rate < SLOWEST
