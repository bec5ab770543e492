from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

from hypothesis import given
from hypothesis import strategies as st

from agent.core.quota import Moved, Quota, Quotas, Tally, first_of_next_month
from agent.model.ids import Bytes

BERLIN = ZoneInfo("Europe/Berlin")
TODAY = date(2026, 6, 30)
NOON = datetime(2026, 6, 30, 12, tzinfo=BERLIN)


def both(size: int) -> Quota:
    return Quota(both=Bytes(size))


def tally(down: int = 0, up: int = 0) -> Tally:
    return Tally(TODAY).plus(down, up)


def test_without_a_quota_nothing_is_used_up() -> None:
    assert Quotas().used_up(tally(10**15)) is None
    assert Quotas().left_down(tally(10**15)) is None


def test_both_ways_count_together() -> None:
    quotas = Quotas(daily=both(10**9))

    assert quotas.used_up(tally(6 * 10**8, 3 * 10**8)) is None
    assert quotas.left_down(tally(6 * 10**8, 3 * 10**8)) == 10**8
    assert quotas.used_up(tally(6 * 10**8, 4 * 10**8)) == (
        "the daily transfer quota of 1 GB is used up"
    )


def test_each_way_may_have_its_own() -> None:
    quotas = Quotas(monthly=Quota(down=Bytes(100), up=Bytes(10)))

    assert quotas.left_down(tally(40, 10)) == 60
    assert quotas.used_up(tally(40, 10)) == "the monthly upload quota of 10 bytes is used up"
    assert quotas.used_up(tally(100)) == "the monthly download quota of 100 bytes is used up"


def test_what_is_overdrawn_leaves_nothing_and_not_less() -> None:
    assert Quotas(daily=both(100)).left_down(tally(170)) == 0


def test_a_day_ends_at_midnight_and_a_month_with_its_last_day() -> None:
    spent = tally(100)

    assert Quotas(daily=both(100)).renewed(spent, NOON) == datetime(2026, 7, 1, tzinfo=BERLIN)
    early = datetime(2026, 6, 3, 12, tzinfo=BERLIN)
    quotas = Quotas(daily=both(100), monthly=both(100))
    assert quotas.renewed(spent, early) == datetime(2026, 7, 1, tzinfo=BERLIN)


def test_the_next_day_begins_anew_and_the_month_goes_on() -> None:
    spent = Tally(date(2026, 6, 3)).plus(5, 7)

    assert spent.on(date(2026, 6, 4)) == Tally(date(2026, 6, 4), month=Moved(5, 7))
    assert spent.on(date(2026, 7, 1)) == Tally(date(2026, 7, 1))
    assert spent.on(date(2027, 6, 4)) == Tally(date(2027, 6, 4))


def test_a_clock_that_is_set_back_begins_nothing_anew() -> None:
    spent = tally(5)

    back = spent.on(date(2026, 6, 29))

    assert (back.today, back.month) == (Moved(5), Moved(5))
    assert back.on(TODAY).today == Moved()


@given(st.dates(date(2000, 1, 1), date(2100, 1, 1)))
def test_the_next_month_begins_with_its_first(day: date) -> None:
    first = first_of_next_month(day)

    assert first.day == 1
    assert first > day
    assert (first - timedelta(days=1)).month == day.month


@given(
    st.lists(st.tuples(st.integers(0, 3), st.integers(0, 100), st.integers(0, 100)), max_size=40)
)
def test_nothing_is_counted_in_the_month_that_is_not_counted_somewhere_in_its_days(
    steps: list[tuple[int, int, int]],
) -> None:
    now, told = Tally(date(2026, 6, 1)), 0
    for days, down, up in steps:
        day = now.day + timedelta(days=days)
        told = told * (day.month == now.day.month) + down + up
        now = now.on(day).plus(down, up)

    assert now.month.down + now.month.up == told
    assert now.today.down <= now.month.down
