"""When to ask a server again that cannot keep a question waiting.

    BRISK --nothing for a while--> slower and slower --> IDLE --a job--> BRISK
      any --the server calls it too much--> HELD OFF, then IDLE at best for an hour

Asked every `BRISK` seconds, a job waits 0.6 s on average. An idle agent stays under 60 requests a
minute and 1,000 an hour, which is what MoRAG's plans allow an address.
"""

from random import Random

from agent.core.backoff import SteadyBackoff
from agent.model.ids import Instant, Seconds

BRISK = Seconds(1.15)
IDLE = Seconds(4.5)
JITTER = 0.25
"""Share of the interval by which a question comes early or late: a fleet must not march."""
BRISK_FOR = Seconds(60.0)
"""Where one job came, the next is likely."""
GROWTH = 1.1
HELD_OFF = Seconds(60.0)
HOLDING_OFF = SteadyBackoff(HELD_OFF, Seconds(15 * 60.0))
"""After the server called it too much without saying for how long."""
WARY_FOR = Seconds(3600.0)


class PollPace:
    """The moments of the questions; `idle` is the longest mean time between two."""

    def __init__(self, rng: Random, now: Instant, idle: Seconds = IDLE) -> None:
        self._rng = rng
        self._idle = Seconds(max(idle, BRISK))
        self._interval = BRISK
        self._brisk_until = Instant(now + BRISK_FOR)
        self._wary_until = now
        self._next_at = now
        self._refusals = 0

    @property
    def next_at(self) -> Instant:
        return self._next_at

    def on_job(self, now: Instant) -> None:
        """Ask again as soon as there is a place."""
        self._refusals = 0
        self._interval = self._briskest(now)
        self._brisk_until = Instant(now + BRISK_FOR)
        self._next_at = now

    def on_nothing(self, now: Instant) -> None:
        self._refusals = 0
        if now >= self._brisk_until:
            self._interval = Seconds(min(self._idle, self._interval * GROWTH))
        self._interval = Seconds(max(self._interval, self._briskest(now)))
        self._next_at = Instant(now + self._interval * self._rng.uniform(1 - JITTER, 1 + JITTER))

    def on_too_much(self, now: Instant, retry_after: Seconds | None) -> None:
        """Ask nothing for longer and longer, and more slowly for an hour."""
        pause = retry_after or HOLDING_OFF.delay(self._refusals)
        self._refusals += 1
        self._wary_until = Instant(now + pause + WARY_FOR)
        self._interval = self._idle
        self._next_at = Instant(now + pause)

    def _briskest(self, now: Instant) -> Seconds:
        return self._idle if now < self._wary_until else BRISK
