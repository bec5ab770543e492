from dataclasses import dataclass
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.core.backoff import Backoff
from agent.core.lease_keeper import LeaseKeeper, OfferRanOut, Renew
from agent.model.ids import Instant, Seconds
from agent.model.lease import Directive, LeaseState, Renewal
from tests.core.dice import Highest, Lowest

START = Instant(1000.0)
OFFER_TTL = Seconds(15.0)
TTL = Seconds(90.0)
RENEW_IN = Seconds(30.0)
RENEWAL = Renewal(LeaseState.OK, TTL, RENEW_IN, Directive.CONTINUE)


def after(seconds: float) -> Instant:
    return Instant(START + seconds)


def offered(dice: Random | None = None) -> LeaseKeeper:
    backoff = Backoff(Seconds(1.0), Seconds(60.0), dice or Lowest())
    return LeaseKeeper(offer_ttl=OFFER_TTL, lease_ttl=TTL, received_at=START, backoff=backoff)


def held(dice: Random | None = None) -> LeaseKeeper:
    """Accepted at START: renewed next at 30 s, over at 90 s."""
    keeper = offered(dice)
    keeper.on_wakeup(START)
    keeper.on_renewed(RENEWAL, asked_at=START)
    return keeper


def test_an_offer_is_accepted_at_once() -> None:
    assert offered().next_wakeup == START


def test_a_first_renewal_that_hangs_leaves_time_for_another_before_the_offer_ends() -> None:
    assert offered().on_wakeup(START) == Renew(after(7.5))


def test_the_last_try_to_accept_ends_by_the_time_the_offer_does() -> None:
    assert offered().on_wakeup(after(10.0)) == Renew(after(15.0))


def test_an_offer_is_no_lease() -> None:
    keeper = offered()

    assert not keeper.is_accepted
    assert not keeper.holds(START)


def test_the_first_renewal_makes_a_lease_of_it() -> None:
    keeper = held()

    assert keeper.is_accepted
    assert keeper.holds(START)


def test_an_offer_that_ran_out_is_given_up() -> None:
    assert offered().on_wakeup(after(15.0)) == OfferRanOut()


def test_an_offer_is_tried_for_until_it_runs_out() -> None:
    assert offered().on_wakeup(after(14.9)) == Renew(after(15.0))


def test_a_keeper_wakes_for_the_end_of_its_offer() -> None:
    keeper = offered(Highest())

    keeper.on_renewal_failed(after(14.0))

    assert keeper.next_wakeup == after(15.0)


def test_an_offer_is_tried_again_by_half_of_its_time() -> None:
    keeper = offered(Highest())

    for _ in range(9):
        keeper.on_renewal_failed(START)

    assert keeper.next_wakeup == after(7.5)


def test_a_short_lease_is_tried_for_by_a_third_of_its_time() -> None:
    backoff = Backoff(Seconds(60.0), Seconds(60.0), Highest())
    keeper = LeaseKeeper(
        offer_ttl=OFFER_TTL, lease_ttl=Seconds(9.0), received_at=START, backoff=backoff
    )

    keeper.on_renewal_failed(START)

    assert keeper.next_wakeup == after(3.0)


def test_a_lease_is_renewed_when_the_server_wants_to_hear() -> None:
    assert held().next_wakeup == after(30.0)


def test_renewals_come_up_to_a_tenth_early() -> None:
    assert held(Highest()).next_wakeup == after(27.0)


def test_the_renewal_call_ends_by_the_time_the_lease_does() -> None:
    assert held().on_wakeup(after(75.0)) == Renew(after(90.0))


def test_a_renewal_that_hangs_leaves_time_for_another() -> None:
    assert held().on_wakeup(after(30.0)) == Renew(after(60.0))


@pytest.mark.parametrize(("asked_for", "kept_to"), [(0.0, 1.0), (30.0, 30.0), (90.0, 45.0)])
def test_an_interval_that_makes_no_sense_is_not_kept_to(asked_for: float, kept_to: float) -> None:
    keeper = offered()

    keeper.on_renewed(
        Renewal(LeaseState.OK, Seconds(90.0), Seconds(asked_for), Directive.CONTINUE),
        asked_at=START,
    )

    assert keeper.next_wakeup == after(kept_to)


def test_news_that_came_while_a_renewal_was_on_its_way_goes_with_the_next() -> None:
    keeper = held()
    keeper.on_wakeup(after(30.0))
    keeper.on_news(after(31.0))

    keeper.on_renewed(
        Renewal(LeaseState.OK, Seconds(90.0), Seconds(30.0), Directive.CONTINUE),
        asked_at=after(30.0),
    )

    assert keeper.next_wakeup == after(35.0)


def test_a_lease_counts_from_when_it_was_asked_for() -> None:
    keeper = held()
    keeper.on_wakeup(after(30.0))

    keeper.on_renewed(RENEWAL, asked_at=after(30.0))

    assert keeper.holds(after(119.9))
    assert not keeper.holds(after(120.0))


def test_the_latest_renewals_times_win() -> None:
    keeper = held()

    keeper.on_renewed(
        Renewal(LeaseState.OK, Seconds(600.0), Seconds(200.0), Directive.CONTINUE), asked_at=START
    )

    assert keeper.next_wakeup == after(200.0)
    assert keeper.holds(after(599.0))


def test_a_failed_renewal_is_repeated_after_a_growing_pause() -> None:
    keeper = held(Highest())

    pauses: list[float] = []
    for _ in range(4):
        keeper.on_renewal_failed(after(30.0))
        pauses.append(keeper.next_wakeup - after(30.0))

    assert pauses == [1.0, 2.0, 4.0, 8.0]


def test_without_a_retry_after_the_dice_alone_decide() -> None:
    keeper = held(Lowest())

    keeper.on_renewal_failed(after(30.0))

    assert keeper.next_wakeup == after(30.0)


def test_a_renewal_at_the_very_end_of_a_lease_has_time_too() -> None:
    assert held().on_wakeup(after(90.0)) == Renew(after(120.0))


def test_a_refused_token_is_tried_again_after_its_own_pause() -> None:
    keeper = held()

    keeper.on_token_refused(after(30.0), Seconds(900.0))

    assert keeper.next_wakeup == after(930.0)


def test_news_does_not_break_into_the_pause_after_a_refused_token() -> None:
    keeper = held()
    keeper.on_token_refused(after(30.0), Seconds(60.0))

    keeper.on_news(after(40.0))

    assert keeper.next_wakeup == after(90.0)


def test_a_refused_token_does_not_keep_an_offer_alive() -> None:
    keeper = offered()

    keeper.on_token_refused(START, Seconds(30.0))

    assert keeper.next_wakeup == after(15.0)


def test_a_renewal_forgets_past_failures() -> None:
    keeper = held(Highest())
    keeper.on_renewal_failed(after(30.0))
    keeper.on_renewal_failed(after(31.0))
    keeper.on_renewed(RENEWAL, asked_at=after(33.0))

    keeper.on_renewal_failed(after(60.0))

    assert keeper.next_wakeup == after(61.0)


def test_a_retry_after_within_a_third_of_the_time_left_is_obeyed() -> None:
    keeper = held()

    keeper.on_renewal_failed(after(30.0), Seconds(15.0))

    assert keeper.next_wakeup == after(45.0)


def test_a_retry_after_counts_up_to_a_third_of_the_time_left() -> None:
    keeper = held()

    keeper.on_renewal_failed(after(30.0), Seconds(300.0))

    assert keeper.next_wakeup == after(50.0)


def test_a_retry_after_to_an_offer_leaves_time_for_two_more_tries() -> None:
    keeper = offered()

    keeper.on_renewal_failed(START, Seconds(300.0))

    assert keeper.next_wakeup == after(5.0)


def test_a_retry_after_on_a_late_lease_counts_up_to_the_renewal_interval() -> None:
    keeper = held()

    keeper.on_renewal_failed(after(100.0), Seconds(20.0))
    first = keeper.next_wakeup
    keeper.on_renewal_failed(after(100.0), Seconds(300.0))

    assert (first, keeper.next_wakeup) == (after(120.0), after(130.0))


def test_a_lease_whose_time_ran_out_is_not_claimed() -> None:
    assert not held().holds(after(90.0))


def test_a_late_lease_is_tried_on_and_on() -> None:
    keeper = held()

    decision = keeper.on_wakeup(after(5000.0))

    assert decision == Renew(after(5030.0))


def test_a_late_lease_is_revived_by_the_renewal_that_gets_through() -> None:
    keeper = held()
    keeper.on_wakeup(after(5000.0))

    keeper.on_renewed(RENEWAL, asked_at=after(5000.0))

    assert keeper.holds(after(5089.0))
    assert keeper.next_wakeup == after(5030.0)


def test_news_brings_the_renewal_forward() -> None:
    keeper = held()

    keeper.on_news(after(12.0))

    assert keeper.next_wakeup == after(12.0)


def test_news_comes_no_closer_than_five_seconds() -> None:
    keeper = held()

    keeper.on_news(after(1.0))

    assert keeper.next_wakeup == after(5.0)


def test_news_never_puts_a_renewal_off() -> None:
    keeper = held()
    keeper.on_wakeup(after(28.0))

    keeper.on_news(after(29.0))

    assert keeper.next_wakeup == after(30.0)


def test_news_does_not_break_into_the_pause_after_a_failure() -> None:
    keeper = held(Highest())
    keeper.on_renewal_failed(after(30.0))

    keeper.on_news(after(30.1))

    assert keeper.next_wakeup == after(31.0)


def test_news_about_an_offer_waits_for_its_acceptance() -> None:
    keeper = offered(Highest())
    keeper.on_renewal_failed(after(6.0))

    keeper.on_news(after(6.1))

    assert keeper.next_wakeup == after(7.0)


@given(
    failed_at=st.integers(0, 500),
    failures=st.integers(1, 12),
    retry_after=st.none() | st.floats(0, 900),
    seed=st.integers(0, 99),
)
def test_tries_are_at_most_a_renewal_interval_apart(
    failed_at: int, failures: int, retry_after: float | None, seed: int
) -> None:
    keeper = held(Random(seed))
    wait = None if retry_after is None else Seconds(retry_after)

    for _ in range(failures):
        keeper.on_renewal_failed(after(failed_at), wait)

    assert after(failed_at) <= keeper.next_wakeup <= after(failed_at + RENEW_IN)


@dataclass(frozen=True)
class Trip:
    """One renewal on the network."""

    waits: float
    flight: float
    back: float
    arrives: bool
    is_answered: bool


TRIPS = st.lists(
    st.builds(
        Trip,
        waits=st.floats(0, 60),
        flight=st.floats(0, 100),
        back=st.floats(0, 100),
        arrives=st.booleans(),
        is_answered=st.booleans(),
    ),
    max_size=8,
)


@given(trips=TRIPS, seed=st.integers(0, 99))
def test_a_lease_is_never_claimed_that_the_server_may_have_granted_again(
    trips: list[Trip], seed: int
) -> None:
    """The server's clock starts when a renewal reaches it; at its end somebody else may have it."""
    keeper, now = held(Random(seed)), START
    server_end = after(TTL)

    for trip in trips:
        asked_at = Instant(max(keeper.next_wakeup, now) + trip.waits)
        decision = keeper.on_wakeup(asked_at)
        assert isinstance(decision, Renew)
        assert decision.deadline <= server_end or not keeper.holds(asked_at)
        arrival = Instant(asked_at + trip.flight)
        if trip.arrives and arrival < server_end:
            server_end = Instant(arrival + TTL)
        answer = Instant(arrival + trip.back)
        if (
            trip.arrives
            and trip.is_answered
            and arrival < server_end
            and answer < decision.deadline
        ):
            keeper.on_renewed(RENEWAL, asked_at=asked_at)
            now = answer
        else:
            now = min(answer, decision.deadline)
            keeper.on_renewal_failed(now)
        assert not keeper.holds(server_end)


@given(
    tries=st.lists(st.tuples(st.floats(0, 5), st.none() | st.floats(0, 60)), max_size=20),
    seed=st.integers(0, 99),
)
def test_an_offer_that_was_asked_for_is_asked_on_until_the_server_has_spoken(
    tries: list[tuple[float, float | None]], seed: int
) -> None:
    """The answer that got lost may have made a lease of it."""
    keeper = offered(Random(seed))

    for hangs, retry_after in tries:
        decision = keeper.on_wakeup(keeper.next_wakeup)
        assert isinstance(decision, Renew)
        failed_at = Instant(min(keeper.next_wakeup + hangs, decision.deadline))
        keeper.on_renewal_failed(failed_at, None if retry_after is None else Seconds(retry_after))
        assert keeper.next_wakeup <= failed_at + OFFER_TTL / 2

    assert not keeper.is_accepted


def granted_again() -> LeaseKeeper:
    """An earlier start held it; the later one's hello, asked at START, was answered with `ok`."""
    backoff = Backoff(Seconds(1.0), Seconds(60.0), Lowest())
    return LeaseKeeper(
        offer_ttl=OFFER_TTL, lease_ttl=TTL, received_at=START, backoff=backoff, is_lease=True
    )


def test_a_lease_that_goes_on_after_a_restart_is_held_and_renewed_at_once() -> None:
    keeper = granted_again()

    assert keeper.is_accepted
    assert keeper.next_wakeup == START
    assert keeper.holds(after(89.0))
    assert not keeper.holds(after(90.0))


def test_a_lease_that_goes_on_after_a_restart_is_never_given_up_by_the_clock() -> None:
    assert isinstance(granted_again().on_wakeup(after(1000.0)), Renew)
