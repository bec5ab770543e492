from hypothesis import given
from hypothesis import strategies as st

from agent.core.vitality import LONGEST_STEP, Vitality
from agent.model.ids import Instant, Seconds

LIMIT = Seconds(80.0)
EVERY = 10.0
"""A look comes that often."""


def looked_at(vitality: Vitality, *moments: float) -> str | None:
    trouble = None
    for moment in moments:
        trouble = vitality.on_look(Instant(moment))
    return trouble


def looks(start: float, end: float) -> list[float]:
    return [start + EVERY * step for step in range(int((end - start) / EVERY) + 1)]


def test_before_anything_is_promised_there_is_no_trouble() -> None:
    assert looked_at(Vitality(LIMIT), *looks(0, 1000)) is None


def test_a_loop_that_ticks_on_time_is_well() -> None:
    vitality = Vitality(LIMIT)

    for moment in looks(0, 1000):
        vitality.on_tick()
        assert looked_at(vitality, moment) is None


def test_a_loop_that_stands_still_for_longer_than_the_limit_is_told() -> None:
    vitality = Vitality(LIMIT)
    looked_at(vitality, 0)
    vitality.on_tick()

    assert looked_at(vitality, *looks(10, 80)) is None
    assert looked_at(vitality, 90) == "the event loop stands still: 10 s too long"
    assert vitality.trouble == "the event loop stands still: 10 s too long"


def test_trouble_ends_when_the_sign_shows_itself() -> None:
    vitality = Vitality(LIMIT)
    vitality.on_tick()
    assert looked_at(vitality, *looks(0, 200)) is not None

    vitality.on_tick()

    assert looked_at(vitality, 210) is None


def test_the_oldest_trouble_is_told() -> None:
    vitality = Vitality(LIMIT)
    vitality.promise("poll", Seconds(35.0), "the call poll does not end")
    vitality.promise("hello", Seconds(20.0), "the call hello does not end")

    assert looked_at(vitality, *looks(0, 50)) == "the call hello does not end: 30 s too long"


def test_what_is_dismissed_is_not_missed() -> None:
    vitality = Vitality(LIMIT)
    vitality.promise("poll", Seconds(35.0), "the call poll does not end")

    vitality.dismiss("poll")
    vitality.dismiss("never promised")

    assert looked_at(vitality, *looks(0, 500)) is None


def test_a_machine_that_was_asleep_has_missed_nothing() -> None:
    vitality = Vitality(LIMIT)
    looked_at(vitality, 0)
    vitality.on_tick()

    assert looked_at(vitality, 50_000) is None


def test_a_clock_that_goes_back_changes_nothing() -> None:
    vitality = Vitality(LIMIT)
    vitality.on_tick()

    assert looked_at(vitality, 100, 0, 10) is None


@given(st.lists(st.floats(0, 1e6), max_size=60))
def test_however_the_looks_come_a_loop_that_ticks_between_them_is_well(gaps: list[float]) -> None:
    vitality, now = Vitality(LIMIT), 0.0

    for gap in gaps:
        vitality.on_tick()
        now += gap
        assert looked_at(vitality, now) is None


@given(st.lists(st.floats(0, 1e6), max_size=60))
def test_trouble_comes_only_after_looks_that_add_up_to_the_limit(gaps: list[float]) -> None:
    vitality, now, seen = Vitality(LIMIT), 0.0, 0.0
    looked_at(vitality, now)
    vitality.on_tick()

    for gap in gaps:
        now += gap
        seen += min(gap, LONGEST_STEP * EVERY)
        is_late = looked_at(vitality, now) is not None
        assert is_late is (seen > LIMIT) or abs(seen - LIMIT) < 1e-3
