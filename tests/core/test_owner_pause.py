import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.core.owner_pause import LOOK_EVERY, PATIENCE, left, next_look, restraint
from agent.model.ids import Instant, Seconds
from agent.model.pause import Pause, Reading
from agent.model.restraint import Restraint, Rung

BEGAN = Reading(steady=Instant(100.0), wall=1_000_000.0, boot="first")
TWO_HOURS = Pause(began=BEGAN, lasts=Seconds(7200.0))
EVENING = Pause(began=BEGAN, until=BEGAN.wall + 3600.0)
FOR_EVER = Pause(began=BEGAN)
FREED = Pause(began=BEGAN, free_gpu=True)

moments = st.floats(-1e6, 1e6)


def later(steady: float, wall: float | None = None, boot: str = "first") -> Reading:
    """So many seconds after the begin, by either clock."""
    return Reading(
        steady=Instant(BEGAN.steady + steady),
        wall=BEGAN.wall + (steady if wall is None else wall),
        boot=boot,
    )


def test_a_pause_for_a_time_takes_nothing_until_it_is_over() -> None:
    assert restraint(TWO_HOURS, later(3600.0)) == Restraint(
        rung=Rung.TAKE_NOTHING, why="paused by its owner", until=Instant(7300.0)
    )
    assert restraint(TWO_HOURS, later(7200.0)) is None


def test_a_pause_without_an_end_stays() -> None:
    held = restraint(FOR_EVER, later(1e8))

    assert held is not None
    assert held.until is None
    assert next_look(FOR_EVER, later(1e8)) is None


@given(wall=moments)
def test_whoever_sets_the_clock_changes_no_pause_for_a_time(wall: float) -> None:
    assert left(TWO_HOURS, later(3600.0, wall)) == 3600.0


def test_after_a_reboot_the_clock_on_the_wall_counts() -> None:
    assert left(TWO_HOURS, later(-95.0, wall=3600.0, boot="second")) == 3600.0


def test_a_machine_that_does_not_name_its_boots_goes_by_the_wall() -> None:
    nameless = Pause(began=later(0.0, boot=""), lasts=Seconds(7200.0))

    assert left(nameless, later(-95.0, wall=3600.0, boot="")) == 3600.0


@given(steady=moments, wall=moments, boot=st.sampled_from(["first", "second"]))
def test_no_clock_makes_a_pause_longer_than_was_asked_for(
    steady: float, wall: float, boot: str
) -> None:
    for pause, asked_for in ((TWO_HOURS, 7200.0), (EVENING, 3600.0)):
        remaining = left(pause, later(steady, wall, boot))
        assert remaining is not None
        assert remaining <= asked_for


def test_a_pause_until_a_time_of_day_follows_the_wall() -> None:
    assert left(EVENING, later(60.0, wall=1800.0)) == 1800.0
    assert restraint(EVENING, later(60.0, wall=3600.0)) is None


def test_the_wall_is_looked_at_again_and_again() -> None:
    assert next_look(EVENING, later(0.0)) == BEGAN.steady + LOOK_EVERY
    assert next_look(EVENING, later(3590.0)) == BEGAN.steady + 3600.0
    assert next_look(TWO_HOURS, later(0.0)) == BEGAN.steady + 7200.0


def test_a_freed_gpu_waits_a_minute_before_jobs_go_back() -> None:
    rungs = [restraint(FREED, later(after)) for after in (0.0, PATIENCE - 1.0, PATIENCE)]

    assert [one.rung for one in rungs if one] == [Rung.PAUSE, Rung.PAUSE, Rung.HAND_BACK]
    assert next_look(FREED, later(20.0)) == BEGAN.steady + PATIENCE
    assert next_look(FREED, later(PATIENCE)) is None


@given(steady=st.floats(0, 1e5), pause=st.sampled_from([TWO_HOURS, EVENING, FOR_EVER, FREED]))
def test_nothing_changes_before_the_next_look(steady: float, pause: Pause) -> None:
    now = later(steady)
    when = next_look(pause, now)
    before = restraint(pause, now)
    if before is None:
        return
    shortly_before = steady + 1e4 if when is None else (steady + when - BEGAN.steady) / 2
    after = restraint(pause, later(shortly_before))

    assert after is not None
    assert after.rung == before.rung
    assert after.until == pytest.approx(before.until)
