from random import Random

from agent.core.backoff import Backoff
from agent.core.lease_keeper import LeaseKeeper
from agent.core.pace import Pace
from agent.edges.http import MAX_AGE
from agent.edges.problems import LONGEST_RETRY_AFTER
from agent.model.ids import Instant, Seconds
from agent.model.lease import Directive, LeaseState, Renewal
from agent.wire.base import LEASE_TTL, OFFER_TTL, POLL_WAIT, RENEW_EVERY
from tests.core.dice import Highest

RENEWAL = Renewal(LeaseState.OK, Seconds(90.0), Seconds(30.0), Directive.CONTINUE)


def test_the_defaults_are_those_of_the_protocol() -> None:
    assert (POLL_WAIT, LEASE_TTL, RENEW_EVERY, OFFER_TTL) == (25, 90, 30, 15)


def test_renewals_have_ten_percent_of_jitter() -> None:
    renewed: set[float] = set()
    for seed in range(300):
        keeper = LeaseKeeper(
            offer_ttl=Seconds(15.0),
            lease_ttl=Seconds(90.0),
            received_at=Instant(0.0),
            backoff=Backoff(Seconds(1.0), Seconds(60.0), Random(seed)),
        )
        keeper.on_renewed(RENEWAL, asked_at=Instant(0.0))
        renewed.add(keeper.next_wakeup)

    assert 27.0 <= min(renewed) < 27.2
    assert 29.8 < max(renewed) <= 30.0


def test_error_pauses_double_from_one_second_to_sixty() -> None:
    backoff = Backoff(Seconds(1.0), Seconds(60.0), Highest())

    assert [backoff.delay(n) for n in range(8)] == [1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 60.0, 60.0]


def test_retry_after_counts_up_to_fifteen_minutes() -> None:
    assert LONGEST_RETRY_AFTER == 15 * 60.0


def test_connections_are_renewed_every_fifteen_minutes() -> None:
    assert MAX_AGE == 15 * 60.0


def test_a_transfer_under_a_kib_a_second_for_a_minute_is_cut() -> None:
    assert Pace(Instant(0.0)).is_stalled(60 * 1024 - 1, Instant(60.0))
