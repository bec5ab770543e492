"""When to renew a lease, and until when we may say that we hold it.

    OFFERED --renewed--> HELD --its time runs out--> LATE --renewed--> HELD
       |                  ^______renewed______|
       `--its time runs out before it was asked for--> GONE

Once a renewal was sent, only the server knows whether it made a lease of the offer: it is asked on,
whatever the offer's time. A lease that hello has granted again to a later start begins as HELD.

LATE is no end: the work goes on, and the renewal that gets through revives the lease (protocol,
section 7). Only the server's word ends it, and that the caller hears.
"""

from dataclasses import dataclass

from agent.core.backoff import Backoff
from agent.model.ids import Instant, Seconds
from agent.model.lease import Renewal

JITTER = 0.1
"""Share of the renewal interval by which renewals come early, so that a fleet does not march."""
ACCEPT_BY = 0.5
"""Share of the offer's time by which the first renewal must have been tried."""
RETRY_AFTER_SHARE = 1 / 3
"""How much of the time left a Retry-After may take: leaves two more tries."""
STEP_SPACING = Seconds(1.0)
"""Renewals that tell of a new step of the job come no closer than this."""
NEWS_SPACING = Seconds(5.0)
"""The same for those that only tell how far it is."""
SHORTEST_INTERVAL = Seconds(1.0)
RENEW_SHARE = 1 / 3
"""Of a lease's time, until the server says how often it wants to hear."""


@dataclass(frozen=True, slots=True)
class Renew:
    """Ask now; the call ends by `deadline`, however it hangs."""

    deadline: Instant


@dataclass(frozen=True, slots=True)
class OfferRanOut:
    """It was never asked for: the server has it back."""


Decision = Renew | OfferRanOut


class LeaseKeeper:
    """One lease. Times are `Instant`s of one clock."""

    def __init__(
        self,
        *,
        offer_ttl: Seconds,
        lease_ttl: Seconds,
        received_at: Instant,
        backoff: Backoff,
        is_lease: bool = False,
    ) -> None:
        """`is_lease`: hello has granted it again to a later start; it needs no acceptance."""
        self._backoff = backoff
        self._is_accepted = is_lease
        self._was_asked = is_lease
        self._failures = 0
        lasts = lease_ttl if is_lease else offer_ttl
        self._ends_at = Instant(received_at + lasts)
        self._renew_in = Seconds(min(lease_ttl * RENEW_SHARE, lasts * ACCEPT_BY))
        self._renew_at = received_at
        self._asked_at = received_at
        self._news_at: Instant | None = None

    @property
    def is_accepted(self) -> bool:
        return self._is_accepted

    @property
    def next_wakeup(self) -> Instant:
        return self._renew_at if self._was_asked else min(self._renew_at, self._ends_at)

    @property
    def ends_at(self) -> Instant:
        return self._ends_at

    def holds(self, now: Instant) -> bool:
        """May we say that the lease is ours: nobody else can have been granted the job."""
        return self._is_accepted and now < self._ends_at

    def on_wakeup(self, now: Instant) -> Decision:
        if not self._was_asked and now >= self._ends_at:
            return OfferRanOut()
        self._was_asked = True
        self._asked_at = now
        # A call that hangs leaves time for another one, on a fresh connection.
        deadline = Instant(now + self._renew_in)
        return Renew(min(deadline, self._ends_at) if now < self._ends_at else deadline)

    def on_renewed(self, renewal: Renewal, *, asked_at: Instant) -> None:
        """Count from when we asked: the server began to count later, so we end first."""
        self._is_accepted = True
        self._failures = 0
        self._ends_at = Instant(asked_at + renewal.ttl)
        self._renew_in = _sane(renewal)
        early = self._backoff.rng.uniform(0, JITTER) * self._renew_in
        self._renew_at = Instant(asked_at + self._renew_in - early)
        if self._news_at is not None and self._news_at > asked_at:
            # It came while this renewal was on its way, which did not carry it.
            self.on_news(self._news_at)

    def on_renewal_failed(self, now: Instant, retry_after: Seconds | None = None) -> None:
        left = max(0.0, self._ends_at - now)
        asked_for = min(retry_after or 0.0, left * RETRY_AFTER_SHARE) if left else retry_after
        pause = self._backoff.delay(self._failures, Seconds(asked_for or 0.0))
        self._failures += 1
        self._renew_at = Instant(now + min(pause, self._renew_in))

    def on_token_refused(self, now: Instant, pause: Seconds) -> None:
        """A person has to mend that: `pause` may outlast the lease, which is revived then."""
        self._failures += 1
        self._renew_at = Instant(now + pause)

    def on_news(self, now: Instant, spacing: Seconds = NEWS_SPACING) -> None:
        """The job moved on: let the server know soon, but no flood of it."""
        self._news_at = now
        if self._is_accepted and not self._failures:
            soon = max(now, self._asked_at + spacing)
            self._renew_at = Instant(min(self._renew_at, soon))


def _sane(renewal: Renewal) -> Seconds:
    """An interval that neither hammers the server nor lets the lease run out in between."""
    return Seconds(max(SHORTEST_INTERVAL, min(renewal.renew_in, renewal.ttl / 2)))
