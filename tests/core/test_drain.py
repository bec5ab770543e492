from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.core.drain import Drain, Mode
from agent.model.ids import Instant, Seconds
from agent.model.lease import Directive

START = Instant(1000.0)
GRACE = Seconds(8.0)

Step = Callable[[Drain, Instant], None]

STEPS: dict[str, Step] = {
    "interrupt": lambda drain, _: drain.on_interrupt(),
    "terminate": lambda drain, now: drain.on_terminate(now),
    "told to drain": lambda drain, _: drain.on_directive(Directive.DRAIN, None),
    "told to stop": lambda drain, _: drain.on_directive(Directive.STOP, None),
    "told to pause": lambda drain, _: drain.on_directive(Directive.PAUSE, None),
    "told to continue": lambda drain, _: drain.on_directive(Directive.CONTINUE, None),
    "enough": lambda drain, _: drain.on_enough("enough"),
    "time": lambda drain, now: drain.on_wakeup(now),
}
EVENTS = st.lists(st.tuples(st.sampled_from(sorted(STEPS)), st.floats(0, 20)), max_size=12)


def after(seconds: float) -> Instant:
    return Instant(START + seconds)


def drained(*steps: str, at: Instant = START) -> Drain:
    drain = Drain(grace=GRACE)
    for step in steps:
        STEPS[step](drain, at)
    return drain


def test_an_agent_runs_until_it_is_told_otherwise() -> None:
    assert drained().mode is Mode.RUNNING


@pytest.mark.parametrize(
    ("interrupts", "mode"),
    [(1, Mode.DRAINING), (2, Mode.RETURNING), (3, Mode.LEAVING), (4, Mode.LEAVING)],
)
def test_each_interrupt_is_heard_as_more_urgent(interrupts: int, mode: Mode) -> None:
    assert drained(*["interrupt"] * interrupts).mode is mode


def test_an_interrupt_after_sigterm_hands_everything_back() -> None:
    assert drained("terminate", "interrupt").mode is Mode.RETURNING


def test_sigterm_lets_finish_what_can_within_the_grace() -> None:
    drain = drained("terminate")

    assert (drain.mode, drain.next_wakeup) == (Mode.FINISHING, after(GRACE))


def test_sigterm_hands_back_the_rest_when_its_grace_is_over() -> None:
    drain = drained("terminate")

    drain.on_wakeup(after(GRACE))

    assert drain.mode is Mode.RETURNING


def test_sigterm_hands_nothing_back_before_its_grace_is_over() -> None:
    drain = drained("terminate")

    drain.on_wakeup(after(GRACE - 0.01))

    assert drain.mode is Mode.FINISHING


def test_a_second_sigterm_does_not_lengthen_the_grace() -> None:
    drain = drained("terminate")

    drain.on_terminate(after(5.0))

    assert drain.next_wakeup == after(GRACE)


def test_sigterm_puts_a_limit_on_a_drain_that_has_none() -> None:
    drain = drained("interrupt", "terminate")

    assert (drain.mode, drain.next_wakeup) == (Mode.FINISHING, after(GRACE))


def test_a_drain_has_no_limit() -> None:
    drain = drained("told to drain")

    drain.on_wakeup(after(1e6))

    assert (drain.mode, drain.next_wakeup) == (Mode.DRAINING, None)


def test_handing_back_waits_for_no_time() -> None:
    drain = drained("terminate", "told to stop")

    assert drain.next_wakeup is None


@pytest.mark.parametrize(
    ("directive", "mode"), [(Directive.DRAIN, Mode.DRAINING), (Directive.STOP, Mode.RETURNING)]
)
def test_the_server_can_end_an_agent(directive: Directive, mode: Mode) -> None:
    drain = drained()

    drain.on_directive(directive, "maintenance")

    assert (drain.mode, drain.reason) == (mode, "maintenance")


@pytest.mark.parametrize(
    ("directive", "words"), [(Directive.DRAIN, "to drain"), (Directive.STOP, "to stop")]
)
def test_a_directive_without_a_reason_is_given_one(directive: Directive, words: str) -> None:
    drain = drained()

    drain.on_directive(directive, None)

    assert drain.reason == f"the server asked us {words}"


@pytest.mark.parametrize("directive", [Directive.PAUSE, Directive.CONTINUE])
def test_a_pause_is_no_end(directive: Directive) -> None:
    drain = drained()

    drain.on_directive(directive, None)

    assert drain.mode is Mode.RUNNING


def test_enough_jobs_drain_with_the_owners_reason() -> None:
    drain = drained()

    drain.on_enough("3 jobs were taken")

    assert (drain.mode, drain.reason) == (Mode.DRAINING, "3 jobs were taken")


def test_the_reason_is_that_of_the_mode_not_of_the_latest_news() -> None:
    assert drained("terminate", "told to drain").reason == "terminated"


def test_the_first_reason_for_a_mode_is_kept() -> None:
    assert drained("enough", "told to drain").reason == "enough"


@given(events=EVENTS)
def test_a_later_mode_is_never_left_for_an_earlier_one(events: list[tuple[str, float]]) -> None:
    drain, now = Drain(grace=GRACE), START

    for step, seconds in events:
        before, now = drain.mode, Instant(now + seconds)
        STEPS[step](drain, now)
        assert drain.mode >= before


@given(before=EVENTS, later=EVENTS)
def test_sigterm_always_ends_within_its_grace(
    before: list[tuple[str, float]], later: list[tuple[str, float]]
) -> None:
    drain, now = Drain(grace=GRACE), START
    for step, seconds in before:
        now = Instant(now + seconds)
        STEPS[step](drain, now)
    drain.on_terminate(now)
    end = Instant(now + GRACE)

    for step, seconds in later:
        now = Instant(now + seconds)
        STEPS[step](drain, now)
    drain.on_wakeup(max(now, end))

    assert drain.mode >= Mode.RETURNING
    assert drain.next_wakeup is None


@given(before=EVENTS)
def test_three_more_interrupts_always_leave(before: list[tuple[str, float]]) -> None:
    drain = drained(*(step for step, _ in before))

    for _ in range(3):
        drain.on_interrupt()

    assert drain.mode is Mode.LEAVING
