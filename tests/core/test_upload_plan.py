import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.core.upload_plan import (
    FIRST_PART,
    LARGEST_PART,
    SMALLEST_PART,
    SendPart,
    Step,
    UploadPlan,
    UploadWhole,
)
from agent.model.ids import Bytes, Seconds

HUGE = Bytes(10**12)
ZERO = Bytes(0)
QUICKLY, LEISURELY, SLOWLY = Seconds(1.9), Seconds(10.0), Seconds(20.1)


def part_of(step: Step) -> int:
    assert isinstance(step, SendPart)
    return step.length


def grown() -> UploadPlan:
    plan = UploadPlan(HUGE)
    for _ in range(20):
        plan.on_sent(QUICKLY)
    return plan


def test_a_part_goes_where_the_server_is() -> None:
    assert UploadPlan(Bytes(10)).next_step(Bytes(4)) == SendPart(Bytes(4), Bytes(6))


def test_the_first_part_is_a_mebibyte() -> None:
    assert UploadPlan(HUGE).next_step(ZERO) == SendPart(ZERO, Bytes(1024 * 1024))


@pytest.mark.parametrize("offset", [10, 11])
def test_an_upload_is_whole_when_the_server_has_every_byte(offset: int) -> None:
    assert UploadPlan(Bytes(10)).next_step(Bytes(offset)) == UploadWhole()


def test_an_empty_artifact_is_whole_at_once() -> None:
    assert UploadPlan(ZERO).next_step(ZERO) == UploadWhole()


def test_a_quick_link_gets_larger_parts() -> None:
    plan = UploadPlan(HUGE)

    plan.on_sent(QUICKLY)

    assert part_of(plan.next_step(ZERO)) == 2 * FIRST_PART


def test_a_slow_link_gets_smaller_parts() -> None:
    plan = UploadPlan(HUGE)

    plan.on_sent(SLOWLY)

    assert part_of(plan.next_step(ZERO)) == FIRST_PART // 2


@pytest.mark.parametrize("took", [2.0, 10.0, 20.0])
def test_a_link_in_between_keeps_its_parts(took: float) -> None:
    plan = UploadPlan(HUGE)

    plan.on_sent(Seconds(took))

    assert part_of(plan.next_step(ZERO)) == FIRST_PART


def test_parts_grow_no_further_than_the_largest() -> None:
    assert part_of(grown().next_step(ZERO)) == LARGEST_PART == 8 * 1024 * 1024


def test_a_refused_size_is_halved() -> None:
    plan = UploadPlan(HUGE)

    plan.on_too_large()

    assert part_of(plan.next_step(ZERO)) == FIRST_PART // 2


def test_a_refused_size_is_not_tried_again() -> None:
    plan = UploadPlan(HUGE)
    plan.on_too_large()

    for _ in range(20):
        plan.on_sent(QUICKLY)

    assert part_of(plan.next_step(ZERO)) == FIRST_PART // 2


def test_a_part_of_which_nothing_arrived_is_halved() -> None:
    plan = UploadPlan(HUGE)

    plan.on_lost()

    assert part_of(plan.next_step(ZERO)) == FIRST_PART // 2


def test_after_lost_parts_a_quick_link_gets_larger_ones_again() -> None:
    plan = UploadPlan(HUGE)
    plan.on_lost()

    plan.on_sent(QUICKLY)

    assert part_of(plan.next_step(ZERO)) == FIRST_PART


def test_parts_shrink_no_further_than_the_smallest() -> None:
    plan = UploadPlan(HUGE)

    for _ in range(20):
        plan.on_too_large()

    assert part_of(plan.next_step(ZERO)) == SMALLEST_PART
    assert plan.is_at_smallest


def test_a_plan_does_not_begin_at_the_smallest_part() -> None:
    assert not UploadPlan(HUGE).is_at_smallest


@given(
    size=st.integers(0, 10**9),
    news=st.lists(st.sampled_from(["quick", "slow", "refused", "lost"]), max_size=40),
)
def test_an_upload_is_whole_only_when_every_byte_is_acknowledged(
    size: int, news: list[str]
) -> None:
    plan, acknowledged = UploadPlan(Bytes(size)), 0

    for what in news:
        step = plan.next_step(Bytes(acknowledged))
        if isinstance(step, UploadWhole):
            break
        assert step.offset == acknowledged
        assert 0 < step.length <= min(LARGEST_PART, size - acknowledged)
        match what:
            case "refused":
                plan.on_too_large()
            case "quick" | "slow":
                acknowledged += step.length
                plan.on_sent(QUICKLY if what == "quick" else SLOWLY)
            case _:
                plan.on_lost()

    assert isinstance(plan.next_step(Bytes(acknowledged)), UploadWhole) == (acknowledged == size)


@given(took=st.lists(st.floats(0, 60), max_size=10))
def test_every_upload_comes_to_its_end(took: list[float]) -> None:
    plan, acknowledged, parts = UploadPlan(Bytes(10**7)), 0, 0

    while isinstance(step := plan.next_step(Bytes(acknowledged)), SendPart):
        acknowledged += step.length
        plan.on_sent(Seconds(took[parts] if parts < len(took) else LEISURELY))
        parts += 1

    assert acknowledged == 10**7
    assert parts <= 10**7 / SMALLEST_PART + 1
