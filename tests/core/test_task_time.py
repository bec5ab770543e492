from hypothesis import given
from hypothesis import strategies as st

from agent.core.task_time import TaskTime, Verdict, time_to_stop
from agent.model.ids import Instant, Seconds

LIMIT, LONGEST_PAUSE = Seconds(100.0), Seconds(50.0)


def begun(now: float = 0.0) -> TaskTime:
    return TaskTime(limit=LIMIT, longest_pause=LONGEST_PAUSE, now=Instant(now))


def test_a_task_may_compute_up_to_its_limit() -> None:
    time = begun(10.0)
    assert time.next_wakeup == 110.0
    assert time.verdict(Instant(109.9)) is None
    assert time.verdict(Instant(110.0)) is Verdict.OVERDUE


def test_a_pause_is_not_counted() -> None:
    time = begun()
    time.on_paused(Instant(60.0))
    time.on_went_on(Instant(100.0))
    assert time.left(Instant(100.0)) == 40.0
    assert time.next_wakeup == 140.0


def test_a_pause_may_not_last_for_ever() -> None:
    time = begun()
    time.on_paused(Instant(60.0))
    assert time.verdict(Instant(109.9)) is None
    assert time.verdict(Instant(110.0)) is Verdict.FORGOTTEN


def test_what_is_told_twice_is_true_once() -> None:
    time = begun()
    time.on_went_on(Instant(10.0))
    time.on_paused(Instant(60.0))
    time.on_paused(Instant(70.0))
    assert time.next_wakeup == 110.0
    assert time.left(Instant(80.0)) == 40.0


def test_a_soft_stop_comes_that_long_before_the_limit_and_never_takes_more_than_a_tenth() -> None:
    assert time_to_stop(Seconds(7200.0), Seconds(300.0)) == 6900.0
    assert time_to_stop(Seconds(60.0), Seconds(300.0)) == 54.0


@given(st.lists(st.tuples(st.booleans(), st.floats(0.1, 20.0)), min_size=1))
def test_only_computing_uses_up_the_time(spells: list[tuple[bool, float]]) -> None:
    time, now, computed = begun(), 0.0, 0.0
    for is_pause, seconds in spells:
        (time.on_paused if is_pause else time.on_went_on)(Instant(now))
        now += seconds
        computed += 0.0 if is_pause else seconds
        assert abs(time.left(Instant(now)) - (LIMIT - computed)) < 1e-6
        if time.verdict(Instant(now)) is Verdict.OVERDUE:
            assert computed >= LIMIT - 1e-6
            return
    assert computed <= LIMIT + 1e-6
