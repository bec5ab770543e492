from dataclasses import dataclass

from hypothesis import given
from hypothesis import strategies as st

from agent.core.ladder import Ladder
from agent.model.ids import Instant, Seconds
from agent.model.restraint import Rung

QUIET, HAND_BACK = Seconds(60.0), Seconds(60.0)


def ladder() -> Ladder:
    return Ladder(quiet=QUIET, hand_back_after=HAND_BACK)


def at(seconds: float) -> Instant:
    return Instant(1000.0 + seconds)


def yielded() -> Ladder:
    """Since the second 2."""
    one = ladder()
    one.on_asked(at(0))
    one.on_asked(at(2))
    return one


def test_nothing_was_asked_for_at_the_start() -> None:
    assert ladder().rung is Rung.WORK
    assert ladder().next_wakeup is None


def test_the_first_sighting_stops_new_work_only_and_the_next_look_undoes_it() -> None:
    one = ladder()
    one.on_asked(at(0))
    suspected = one.rung
    one.on_quiet(at(2))

    assert (suspected, one.rung) == (Rung.TAKE_NOTHING, Rung.WORK)
    assert one.back_at is None


def test_the_second_sighting_in_a_row_pauses() -> None:
    assert yielded().rung is Rung.PAUSE


def test_sightings_that_are_not_in_a_row_do_not_add_up() -> None:
    one = ladder()
    for second in range(0, 20, 4):
        one.on_asked(at(second))
        one.on_quiet(at(second + 2))

    assert one.rung is Rung.WORK


def test_after_its_time_the_job_is_handed_back_without_another_look() -> None:
    one = yielded()
    due = one.next_wakeup
    one.on_wakeup(at(61.9))
    before = one.rung
    one.on_wakeup(at(62))

    assert due == at(62)
    assert (before, one.rung) == (Rung.PAUSE, Rung.HAND_BACK)
    assert one.next_wakeup is None


def test_where_nothing_is_handed_back_nothing_wakes() -> None:
    one = Ladder(quiet=QUIET, hand_back_after=None)
    for second in range(0, 600, 2):
        one.on_asked(at(second))

    assert one.rung is Rung.PAUSE
    assert one.next_wakeup is None


def test_it_comes_back_after_the_quiet_time_and_says_when() -> None:
    one = yielded()
    one.on_quiet(at(4))
    expected = one.back_at
    one.on_quiet(at(63.9))
    before = one.rung
    one.on_quiet(at(64))

    assert expected == at(64)
    assert (before, one.rung) == (Rung.PAUSE, Rung.WORK)
    assert one.back_at is None


def test_a_sighting_begins_the_quiet_anew() -> None:
    one = yielded()
    one.on_quiet(at(4))
    one.on_asked(at(40))
    one.on_quiet(at(42))

    assert one.back_at == at(102)


def test_while_it_is_quiet_nothing_is_handed_back() -> None:
    one = yielded()
    one.on_quiet(at(50))
    one.on_wakeup(at(100))

    assert one.rung is Rung.PAUSE


def test_who_saw_nothing_does_not_come_back() -> None:
    one = yielded()
    one.on_quiet(at(4))
    one.on_blind()
    one.on_quiet(at(64))

    assert one.rung is Rung.PAUSE
    assert one.back_at == at(124)


@dataclass(frozen=True)
class Step:
    after: float
    is_asked: bool


STEPS = st.lists(
    st.builds(Step, st.floats(min_value=0.5, max_value=30.0), st.booleans()), max_size=60
)


@given(STEPS)
def test_from_a_pause_the_way_back_takes_the_whole_quiet_time(steps: list[Step]) -> None:
    one, now = ladder(), at(0)
    last_asked: Instant | None = None
    for step in steps:
        before, now = one.rung, Instant(now + step.after)
        (one.on_asked if step.is_asked else one.on_quiet)(now)
        if step.is_asked:
            last_asked = now
        if before >= Rung.PAUSE and one.rung is Rung.WORK:
            assert last_asked is not None
            assert now >= last_asked + QUIET


@given(STEPS)
def test_two_sightings_in_a_row_always_pause_and_quiet_enough_always_returns(
    steps: list[Step],
) -> None:
    one, now = ladder(), at(0)
    for step in steps:
        now = Instant(now + step.after)
        (one.on_asked if step.is_asked else one.on_quiet)(now)
    one.on_asked(Instant(now + 2))
    one.on_asked(Instant(now + 4))
    paused = one.rung
    one.on_quiet(Instant(now + 6))
    one.on_quiet(Instant(now + 6 + QUIET))

    assert paused >= Rung.PAUSE
    assert one.rung is Rung.WORK


@given(STEPS)
def test_it_goes_down_only_to_work(steps: list[Step]) -> None:
    one, now = ladder(), at(0)
    for step in steps:
        before, now = one.rung, Instant(now + step.after)
        (one.on_asked if step.is_asked else one.on_quiet)(now)
        assert one.rung >= before or one.rung is Rung.WORK
