"""Keeps one lease alive for exactly as long as its job lasts; this is also the job's heartbeat."""

import asyncio
from collections.abc import Callable
from dataclasses import replace
from typing import NoReturn

import structlog

from agent.core.lease_keeper import LeaseKeeper, OfferRanOut, Renew
from agent.core.verdict import Release, Verdict, verdict
from agent.model.errors import (
    CredentialsRefusedError,
    LeaseLostError,
    RequestRefusedError,
    ServerUnavailableError,
)
from agent.model.ids import Instant, LeaseId, Seconds
from agent.model.lease import Directive, LeaseState, LostReason, Received, Renewal
from agent.ports import Report
from agent.runtime.patience import CREDENTIALS_BACKOFF
from agent.runtime.race import first_of
from agent.runtime.tools import Policy, Tools

MOST_LATE = Seconds(5 * 60.0)
"""A renewal that begins later than that, or does not end, begins and ends no more."""

_log = structlog.get_logger(__name__)


class LeaseHolder:
    """Renews one lease, and passes on what the answers say."""

    def __init__(
        self,
        received: Received,
        tools: Tools,
        policy: Policy,
        *,
        report: Callable[[], Report],
        on_directive: Callable[[Directive, str | None], None],
        on_end: Callable[[Verdict], None],
    ) -> None:
        offer = received.offer
        self._lease_id: LeaseId = offer.lease_id
        self._keeper = LeaseKeeper(
            offer_ttl=offer.offer_ttl,
            lease_ttl=offer.lease_ttl,
            received_at=received.at,
            backoff=tools.error_backoff,
            is_lease=received.is_lease,
        )
        self._tools = tools
        self._renew_every = policy.renew_every
        self._report = report
        self._on_directive = on_directive
        self._on_end = on_end
        self._refusals = 0
        """Of our token, in a row."""
        self._news = asyncio.Event()
        self._accepted = asyncio.Event()

    @property
    def is_accepted(self) -> bool:
        return self._keeper.is_accepted

    @property
    def ends_at(self) -> Instant:
        """Renewals move it on; one that comes later revives the lease."""
        return self._keeper.ends_at

    async def accepted(self) -> None:
        """Wait until one renewal has succeeded: nothing of the job may start before."""
        await self._accepted.wait()

    def tell(self, spacing: Seconds) -> None:
        """The job moved on: renew soon, but not within `spacing` of the last renewal."""
        self._keeper.on_news(self._tools.clock.now(), spacing)
        self._news.set()

    async def hold(self) -> NoReturn:
        """Renew until cancelled. Raises `LeaseLostError` the moment the lease is not ours."""
        try:
            await self._hold()
        finally:
            self._tools.vitality.dismiss(self._lease_id)

    async def _hold(self) -> NoReturn:
        while True:
            self._news.clear()
            self._promise()
            await first_of(
                self._tools.clock.sleep_until(self._keeper.next_wakeup), self._news.wait()
            )
            now = self._tools.clock.now()
            if now < self._keeper.next_wakeup:
                continue
            decision = self._keeper.on_wakeup(now)
            if isinstance(decision, OfferRanOut):
                raise LeaseLostError(LostReason.EXPIRED)
            await self._renew(decision, now)

    def _promise(self) -> None:
        left = max(0.0, self._keeper.next_wakeup - self._tools.clock.now())
        words = "a lease is not renewed"
        self._tools.vitality.promise(self._lease_id, Seconds(left + MOST_LATE), words)

    async def _renew(self, order: Renew, asked_at: Instant) -> None:
        clock = self._tools.clock
        try:
            renewal = await first_of(
                self._tools.server.renew(self._lease_id, self._report()),
                clock.sleep_until(order.deadline),
            )
        except ServerUnavailableError as error:
            self._postpone(str(error))
            self._keeper.on_renewal_failed(clock.now(), error.retry_after)
        except CredentialsRefusedError as error:
            self._postpone(str(error))
            pause = CREDENTIALS_BACKOFF.delay(self._refusals)
            self._refusals += 1
            self._keeper.on_token_refused(clock.now(), pause)
        except RequestRefusedError as error:
            # A bug on one of the two sides. Asking again would only repeat it.
            _log.error("lease.renewal_refused", reason=str(error))
            self._on_end(verdict(error))
            self._tools.vitality.dismiss(self._lease_id)
            await asyncio.Event().wait()
        else:
            if isinstance(renewal, Renewal):
                self._on_renewed(renewal, asked_at)
            else:
                self._postpone("the renewal took longer than the lease lasts")
                self._keeper.on_renewal_failed(clock.now())

    def _postpone(self, reason: str) -> None:
        holds = self._keeper.holds(self._tools.clock.now())
        _log.warning("lease.renewal_failed", reason=reason, still_held=holds)

    def _on_renewed(self, renewal: Renewal, asked_at: Instant) -> None:
        renewal = replace(renewal, renew_in=min(renewal.renew_in, self._renew_every))
        self._refusals = 0
        event = "lease.renewed" if self._keeper.is_accepted else "lease.accepted"
        self._keeper.on_renewed(renewal, asked_at=asked_at)
        self._accepted.set()
        _log.debug(event, ttl_s=renewal.ttl)
        self._on_directive(renewal.directive, renewal.reason)
        if renewal.state is not LeaseState.OK:
            self._on_end(Release(renewal.reason or "cancelled by the server"))
