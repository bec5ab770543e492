"""How long a download that brings nothing is tried on (protocol, section 6)."""

from agent.model.ids import Instant, Seconds

MOST_TRIES = 5
LONGEST_WAIT = Seconds(10 * 60.0)


class Tries:
    """Five answers that brought nothing, or ten minutes without a new byte.

    A source that does not answer at all uses up only the time: a server that restarts is no reason
    to give an input up. Bytes that were held before do not count as new.
    """

    def __init__(self, now: Instant) -> None:
        self._failures = 0
        self._in_vain = 0
        self._moved_at = now
        self._furthest = 0

    @property
    def failures(self) -> int:
        """Failures in a row since the last new byte."""
        return self._in_vain

    def on_bytes(self, length: int, now: Instant) -> None:
        if length > self._furthest:
            self._furthest = length
            self._moved_at = now
            self._failures = self._in_vain = 0

    def on_failure(self, now: Instant, *, answered: bool) -> bool:
        """Is it time to give up."""
        self._in_vain += 1
        self._failures += answered
        return self._failures >= MOST_TRIES or now - self._moved_at >= LONGEST_WAIT
