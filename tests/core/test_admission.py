from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.core.admission import DISK_PER_INPUT, AskForWork, OnlyBeat, View, admit
from agent.core.forecast import Doable
from agent.model.ids import Bytes

GB = 10**9
IDLE = View(
    slots=2,
    held=0,
    jobs_left=None,
    disk_free=Bytes(100 * GB),
    awaited=Bytes(0),
    disk_reserve=Bytes(10 * GB),
    max_input=Bytes(10 * GB),
    paused=None,
)


def test_an_idle_agent_asks_for_as_much_as_it_has_slots() -> None:
    assert admit(IDLE) == AskForWork(2, 0, Bytes(10 * GB))


def test_a_free_slot_comes_before_prefetching() -> None:
    assert admit(replace(IDLE, held=1)) == AskForWork(1, 0, Bytes(10 * GB))


def test_one_job_is_fetched_while_all_slots_compute() -> None:
    assert admit(replace(IDLE, held=2)) == AskForWork(0, 1, Bytes(10 * GB))


@pytest.mark.parametrize("held", [3, 4])
def test_nothing_is_asked_for_without_a_place(held: int) -> None:
    decision = admit(replace(IDLE, held=held))

    assert decision == OnlyBeat("all 2 slots and the place behind them are taken")


def test_a_paused_agent_says_why() -> None:
    assert admit(replace(IDLE, paused="quiet hours")) == OnlyBeat("quiet hours")


def test_an_agent_that_took_as_many_jobs_as_wanted_takes_no_more() -> None:
    decision = admit(replace(IDLE, jobs_left=0))

    assert decision == OnlyBeat("as many jobs as wanted were taken")


def test_the_last_wanted_job_is_asked_for() -> None:
    assert isinstance(admit(replace(IDLE, jobs_left=1)), AskForWork)


def test_no_more_is_asked_for_than_the_box_is_trusted_with() -> None:
    assert admit(replace(IDLE, slots=4, trust=1)) == AskForWork(1, 0, Bytes(10 * GB))
    assert admit(replace(IDLE, slots=4, held=4, trust=1)) == AskForWork(0, 1, Bytes(10 * GB))


@pytest.mark.parametrize("trust", [0, -2])
@pytest.mark.parametrize("held", [1, 2])
def test_a_box_that_has_to_show_itself_first_asks_for_nothing(held: int, trust: int) -> None:
    decision = admit(replace(IDLE, held=held, trust=trust))

    assert decision == OnlyBeat("the last jobs failed: one has to succeed before more are taken")


def test_a_full_disk_is_named() -> None:
    decision = admit(replace(IDLE, disk_free=Bytes(10 * GB)))

    assert decision == OnlyBeat(
        "the spool's disk has 10.0 GB free, of which 10.0 GB are to stay free"
    )


def test_a_smaller_disk_asks_for_smaller_inputs() -> None:
    assert admit(replace(IDLE, disk_free=Bytes(12 * GB))) == AskForWork(2, 0, Bytes(1 * GB))


@given(
    slots=st.integers(1, 8),
    held=st.integers(0, 12),
    free=st.integers(0, 10**13),
    reserve=st.integers(0, 10**11),
    max_input=st.integers(1, 10**12),
)
def test_no_work_is_asked_for_that_could_not_be_stored(
    slots: int, held: int, free: int, reserve: int, max_input: int
) -> None:
    view = View(
        slots=slots,
        held=held,
        jobs_left=None,
        disk_free=Bytes(free),
        awaited=Bytes(0),
        disk_reserve=Bytes(reserve),
        max_input=Bytes(max_input),
        paused=None,
    )

    decision = admit(view)

    if isinstance(decision, AskForWork):
        assert 0 < decision.max_input <= max_input
        assert DISK_PER_INPUT * decision.max_input + reserve <= free
        assert held + decision.free_slots + decision.prefetch <= slots + 1
        assert decision.free_slots + decision.prefetch > 0
    else:
        assert free - reserve < DISK_PER_INPUT or held > slots


def test_what_is_on_its_way_to_the_disk_is_no_room_for_more() -> None:
    busy = replace(IDLE, disk_free=Bytes(22 * GB), awaited=Bytes(4 * GB))

    assert admit(busy) == AskForWork(2, 0, Bytes(4 * GB))
    assert admit(replace(busy, awaited=Bytes(12 * GB))) == OnlyBeat(
        "the spool's disk has 22.0 GB free, of which 10.0 GB are to stay free"
        " and 12.0 GB are on their way"
    )


def test_shortly_before_quiet_hours_only_what_is_done_by_then_is_asked_for() -> None:
    view = replace(IDLE, doable=Doable(Bytes(5 * GB), ("text",)))

    assert admit(view) == AskForWork(2, 0, Bytes(5 * GB), ("text",))


def test_when_nothing_would_be_done_by_then_it_says_so() -> None:
    view = replace(IDLE, doable=Doable(Bytes(0), ()), hurry="quiet hours begin at 23:00")

    assert admit(view) == OnlyBeat("quiet hours begin at 23:00")


def test_no_input_is_asked_for_that_would_overdraw_the_quota() -> None:
    view = replace(IDLE, quota_left=Bytes(3 * GB), awaited=Bytes(GB))

    assert admit(view) == AskForWork(2, 0, Bytes(2 * GB))


def test_inputs_on_their_way_may_use_up_the_quota() -> None:
    view = replace(IDLE, quota_left=Bytes(GB), awaited=Bytes(3 * GB))

    assert admit(view) == AskForWork(2, 0, Bytes(0))
