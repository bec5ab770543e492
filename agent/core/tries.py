"""How long a transfer that brings nothing is tried on, and how soon one that moves (section 6)."""

from agent.model.ids import Instant, Seconds

MOST_TRIES = 5
LONGEST_WAIT = Seconds(10 * 60.0)
MUCH = 1024 * 1024
"""New bytes that make one more request worth while without a pause."""


class Momentum:
    """Whether a transfer that is cut again and again still gets on.

    A peer that gives much between two cuts is asked again at once: a pause would only add up. One
    that gives a byte at a time is not, so requests without a pause are at most one for each
    `MUCH` of the whole.
    """

    def __init__(self) -> None:
        self._furthest = 0
        self._at_failure = 0

    def on_bytes(self, length: int) -> bool:
        """Is that further than ever before."""
        is_new = length > self._furthest
        self._furthest = max(self._furthest, length)
        return is_new

    def on_failure(self) -> bool:
        """May it go on at once."""
        gained, self._at_failure = self._furthest - self._at_failure, self._furthest
        return gained >= MUCH


class Tries:
    """Five answers that brought nothing, or ten minutes without a new byte.

    A source that does not answer at all uses up only the time: a server that restarts is no reason
    to give an input up. Bytes that were held before do not count as new.
    """

    def __init__(self, now: Instant, held: int = 0) -> None:
        """`held`: bytes that an earlier start of the agent left."""
        self._failures = 0
        self._in_vain = 0
        self._moved_at = now
        self._momentum = Momentum()
        self._momentum.on_bytes(held)
        self._momentum.on_failure()
        self._may_go_on = False

    @property
    def failures(self) -> int:
        """Failures in a row since the last new byte."""
        return self._in_vain

    @property
    def may_go_on_at_once(self) -> bool:
        """Much had come before the last failure."""
        return self._may_go_on

    def on_bytes(self, length: int, now: Instant) -> None:
        if self._momentum.on_bytes(length):
            self._moved_at = now
            self._failures = self._in_vain = 0

    def on_failure(self, now: Instant, *, answered: bool) -> bool:
        """Is it time to give up."""
        self._in_vain += 1
        self._failures += answered
        self._may_go_on = self._momentum.on_failure()
        return self._failures >= MOST_TRIES or now - self._moved_at >= LONGEST_WAIT
