from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.config.hours import weekly_hours
from agent.core.hours import DAY, WEEK, WHOLE_WEEK, Span, WeeklyHours, later

BERLIN = ZoneInfo("Europe/Berlin")
MONDAY = datetime(2026, 6, 1, tzinfo=BERLIN)


def hours(text: str) -> WeeklyHours:
    found = weekly_hours(text)
    assert found is not None
    return found


def at(day: int, hour: int, minute: int = 0, *, month: int = 6, fold: int = 0) -> datetime:
    return datetime(2026, month, day, hour, minute, tzinfo=BERLIN, fold=fold)


def test_hours_are_open_from_their_first_minute_to_the_one_before_their_last() -> None:
    week = hours("mon 08:00-12:00")

    open_at = [at(1, *time) for time in ((7, 59), (8, 0), (11, 59), (12, 0))]

    assert [week.is_open(wall) for wall in open_at] == [False, True, True, False]


def test_hours_past_midnight_belong_to_the_day_on_which_they_begin() -> None:
    week = hours("fri 22:00-07:00")

    assert week.is_open(at(6, 6, 59))  # Saturday
    assert not week.is_open(at(5, 6, 59))  # Friday
    assert week.next_change(at(5, 23)) == at(6, 7)


def test_a_sunday_that_goes_past_midnight_ends_on_monday() -> None:
    week = hours("sun 22:00-07:00")

    assert week.is_open(at(1, 6))
    assert week.next_change(at(7, 21)) == at(7, 22)
    assert week.next_change(at(7, 22)) == at(8, 7)


@given(st.integers(0, WEEK - 1))
def test_its_minutes_are_those_in_which_it_is_open(minute: int) -> None:
    week = hours("mon 08:00-12:00; sun 22:00-07:00")

    # A week in UTC, in which nobody changes the clock.
    wall = datetime(2026, 6, 1, tzinfo=UTC) + timedelta(minutes=minute)
    assert (minute in week.minutes) is week.is_open(wall)


def test_a_whole_week_has_all_minutes() -> None:
    assert hours("all day").minutes == WHOLE_WEEK


def test_neighbouring_hours_are_one_stretch() -> None:
    week = hours("sat,sun all day; mon 00:00-06:00")

    assert week.next_change(at(6, 12)) == at(8, 6)


def test_what_is_always_open_never_changes() -> None:
    assert hours("all day").next_change(at(3, 3)) is None
    assert WeeklyHours(()).next_change(at(3, 3)) is None


def test_the_change_is_told_to_the_second() -> None:
    wall = at(1, 7, 59) + timedelta(seconds=59, microseconds=5)

    assert hours("mon 08:00-12:00").next_change(wall) == at(1, 8)


def test_hours_that_the_clock_skips_are_over_at_once() -> None:
    """On 29 March 2026 it was 03:00 after 01:59 in Berlin."""
    week = hours("sun 02:00-03:00")
    before = at(29, 1, 30, month=3)

    assert week.next_change(before) == at(5, 2, month=4)


def test_hours_that_begin_within_what_the_clock_skips_begin_where_it_goes_on() -> None:
    week = hours("sun 02:30-05:00")
    before = at(29, 1, 30, month=3)

    change = week.next_change(before)

    assert change == at(29, 3, month=3)
    assert change is not None
    assert change.timestamp() - before.timestamp() == 30 * 60


def test_hours_that_the_clock_shows_twice_count_twice() -> None:
    """On 25 October 2026 it is 02:00 again after 02:59 in Berlin."""
    week = hours("sun 01:00-03:00")
    begin = at(25, 1, month=10)

    end = week.next_change(begin)

    assert week.is_open(at(25, 2, 30, month=10, fold=1))
    assert end is not None
    assert end.timestamp() - begin.timestamp() == 3 * 3600


def test_hours_that_end_within_what_the_clock_repeats_open_again() -> None:
    week = hours("sun 01:00-02:30")
    first_end = week.next_change(at(25, 1, month=10))

    assert first_end == at(25, 2, 30, month=10)
    assert first_end is not None
    again = week.next_change(first_end)
    assert again is not None
    assert (again.hour, again.minute, again.fold) == (2, 0, 1)
    assert again.timestamp() - first_end.timestamp() == 30 * 60


SPANS = st.builds(
    lambda day, begin, length: Span(day, begin, begin + length),
    st.integers(0, 6),
    st.integers(0, DAY - 1),
    st.integers(1, DAY),
)
WALLS = st.builds(
    lambda minutes, zone: later(datetime(2026, 1, 1, tzinfo=zone), timedelta(minutes=minutes)),
    st.integers(0, 2 * 365 * DAY),
    st.sampled_from(
        [
            BERLIN,
            UTC,
            ZoneInfo("America/New_York"),
            ZoneInfo("Australia/Lord_Howe"),
            ZoneInfo("Asia/Kolkata"),
        ]
    ),
)


@given(st.lists(SPANS, max_size=5), WALLS)
def test_nothing_changes_before_the_change_and_everything_does_there(
    spans: list[Span], wall: datetime
) -> None:
    week = WeeklyHours(tuple(spans))
    change = week.next_change(wall)
    end = change or later(wall, timedelta(days=8))

    minutes = int((end.timestamp() - wall.timestamp()) / 60)
    for minute in {*range(0, minutes, 7), max(0, minutes - 1)}:
        assert week.is_open(later(wall, timedelta(minutes=minute))) == week.is_open(wall)
    if change is not None:
        assert week.is_open(change) != week.is_open(wall)
        assert change.timestamp() > wall.timestamp()


@pytest.mark.parametrize("step", [timedelta(0), timedelta(hours=5), timedelta(days=3)])
def test_later_is_what_really_passes(step: timedelta) -> None:
    before = at(28, 23, month=3)

    assert later(before, step).timestamp() - before.timestamp() == step.total_seconds()
