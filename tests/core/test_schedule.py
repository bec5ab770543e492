from datetime import datetime
from zoneinfo import ZoneInfo

from agent.config.hours import weekly_hours
from agent.core.schedule import Moment, Schedule, in_words, seconds_until
from agent.model.ids import Instant
from agent.model.restraint import Restraint, Rung

BERLIN = ZoneInfo("Europe/Berlin")
HOUR = 3600.0


def schedule(compute: str = "", network: str = "", quiet: str = "") -> Schedule:
    return Schedule(
        compute=weekly_hours(compute), network=weekly_hours(network), quiet=weekly_hours(quiet)
    )


def moment(hour: int, minute: int = 0, day: int = 1) -> Moment:
    """In June 2026; the 1st is a Monday."""
    return Moment(Instant(1000.0), datetime(2026, 6, day, hour, minute, tzinfo=BERLIN))


def test_without_hours_nothing_restrains() -> None:
    plain = schedule()

    assert plain.restraint(moment(3)) is None
    assert plain.next_change(moment(3)) is None
    assert plain.quiet_from(moment(3)) is None


def test_outside_the_compute_hours_nothing_is_taken() -> None:
    assert schedule(compute="daily 22:00-07:00").restraint(moment(12)) == Restraint(
        rung=Rung.TAKE_NOTHING,
        why="outside the compute hours, until 22:00",
        until=Instant(1000.0 + 10 * HOUR),
    )


def test_in_the_compute_hours_work_goes_on() -> None:
    assert schedule(compute="daily 22:00-07:00").restraint(moment(23)) is None


def test_in_quiet_hours_everything_is_handed_back() -> None:
    assert schedule(quiet="mon 23:00-08:00").restraint(moment(23)) == Restraint(
        rung=Rung.HAND_BACK,
        why="quiet hours, until Tuesday 08:00",
        until=Instant(1000.0 + 9 * HOUR),
    )


def test_quiet_hours_outrank_the_others() -> None:
    found = schedule(compute="tue all day", quiet="23:00-08:00").restraint(moment(23))

    assert found is not None
    assert found.rung is Rung.HAND_BACK


def test_outside_the_network_hours_nothing_is_taken_either() -> None:
    night = schedule(network="00:00-06:00")

    found = night.restraint(moment(12))

    assert found is not None
    assert (found.rung, found.why) == (
        Rung.TAKE_NOTHING,
        "outside the network hours, until Tuesday 00:00",
    )
    assert night.network_restraint(moment(12)) == found


def test_hours_that_never_end_say_so() -> None:
    found = schedule(quiet="all day").restraint(moment(12))

    assert found == Restraint(
        rung=Rung.HAND_BACK, why="quiet hours, which never end by these settings"
    )


def test_the_next_change_is_the_first_of_all_hours() -> None:
    mixed = schedule(compute="08:00-20:00", network="06:00-18:00", quiet="23:00-05:00")

    assert mixed.next_change(moment(12)) == Instant(1000.0 + 6 * HOUR)


def test_the_beginning_of_quiet_hours_is_known_before_and_within() -> None:
    night = schedule(quiet="23:00-08:00")
    begin = night.quiet_from(moment(12))

    assert begin == moment(23).wall
    assert begin is not None
    assert seconds_until(begin, moment(12)) == 11 * HOUR
    assert night.quiet_until(begin) == moment(8, day=2).wall
    assert night.quiet_from(moment(2)) == moment(2).wall


def test_a_time_of_another_day_is_told_with_its_day() -> None:
    assert in_words(moment(23).wall, moment(12).wall) == "23:00"
    assert in_words(moment(8, day=3).wall, moment(12).wall) == "Wednesday 08:00"
