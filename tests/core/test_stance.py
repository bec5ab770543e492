from collections.abc import Mapping

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.core.stance import stance_of
from agent.model.ids import Instant
from agent.model.restraint import Restraint, Rung
from agent.model.stance import AT_WORK, Stance, Step

NAMES = {"GPU-a": "0", "GPU-b": "1"}
BOTH = ("0", "1")
NOW = Instant(100.0)


def restraint(
    rung: Rung, why: str = "why", devices: set[str] | None = None, until: float | None = None
) -> Restraint:
    return Restraint(
        rung=rung,
        why=why,
        devices=None if devices is None else frozenset(devices),
        until=None if until is None else Instant(until),
    )


def stance(*restraints: Restraint, devices: tuple[str | None, ...] = BOTH) -> Stance:
    return stance_of(restraints, devices, NAMES, NOW)


def rungs(found: Stance) -> Mapping[str | None, Rung]:
    return {device: step.rung for device, step in found.steps.items()}


def test_without_a_restraint_all_is_at_work() -> None:
    assert stance() == Stance({"0": AT_WORK, "1": AT_WORK})
    assert stance().whole == AT_WORK


def test_what_is_about_the_box_is_about_each_of_its_gpus() -> None:
    found = stance(restraint(Rung.PAUSE, "the owner plays"))
    assert found.steps == dict.fromkeys(BOTH, Step(Rung.PAUSE, "the owner plays"))
    assert found.whole == Step(Rung.PAUSE, "the owner plays")


def test_what_is_about_one_gpu_leaves_the_other_at_work() -> None:
    found = stance(restraint(Rung.PAUSE, "a game", {"GPU-b"}))
    assert rungs(found) == {"0": Rung.WORK, "1": Rung.PAUSE}
    assert found.whole == AT_WORK


def test_what_is_about_the_only_gpu_is_about_the_box() -> None:
    found = stance(restraint(Rung.HAND_BACK, "a game", {"GPU-a"}), devices=("0", "0"))
    assert found.whole == Step(Rung.HAND_BACK, "a game")


def test_the_highest_rung_counts_and_says_why() -> None:
    found = stance(
        restraint(Rung.TAKE_NOTHING, "quiet hours"),
        restraint(Rung.HAND_BACK, "a game", {"GPU-a"}),
        restraint(Rung.PAUSE, "the battery"),
    )
    assert found.of("0") == Step(Rung.HAND_BACK, "a game")
    assert found.of("1") == found.whole == Step(Rung.PAUSE, "the battery")


def test_where_the_box_takes_nothing_it_finishes_what_it_holds() -> None:
    assert stance(restraint(Rung.TAKE_NOTHING)).is_open
    assert not stance(restraint(Rung.PAUSE)).is_open
    assert stance().is_open


def test_on_a_gpu_that_takes_nothing_no_job_begins() -> None:
    about_one = restraint(Rung.TAKE_NOTHING, devices={"GPU-a"})
    found = stance(about_one, restraint(Rung.TAKE_NOTHING))
    assert (found.of("0").is_open, found.of("1").is_open) == (False, True)
    assert not stance(about_one, devices=("0",)).is_open


def test_of_two_on_one_rung_the_first_is_told() -> None:
    found = stance(restraint(Rung.PAUSE, "first"), restraint(Rung.PAUSE, "second"))
    assert found.whole.why == "first"


@pytest.mark.parametrize("uuid", ["GPU-of-somebody-else", "0"])
def test_a_gpu_that_is_not_ours_restrains_nothing(uuid: str) -> None:
    assert stance(restraint(Rung.HAND_BACK, devices={uuid})).whole == AT_WORK


def test_what_computes_on_no_gpu_of_its_own_heeds_only_what_is_about_the_box() -> None:
    about_one = restraint(Rung.HAND_BACK, "a game", {"GPU-a"})
    about_all = restraint(Rung.PAUSE, "the owner")
    assert stance(about_one, devices=(None,)).whole == AT_WORK
    assert stance(about_one, about_all, devices=(None,)).whole.rung is Rung.PAUSE


def test_a_restraint_ends_with_its_time() -> None:
    assert stance(restraint(Rung.PAUSE, until=100.0)).whole == AT_WORK
    assert stance(restraint(Rung.PAUSE, until=100.1)).whole.rung is Rung.PAUSE


RESTRAINTS = st.lists(
    st.builds(
        restraint,
        st.sampled_from(Rung),
        st.just("why"),
        st.none() | st.sets(st.sampled_from(["GPU-a", "GPU-b", "GPU-c"])),
    )
)


@given(RESTRAINTS, RESTRAINTS)
def test_more_to_heed_never_means_more_work(some: list[Restraint], more: list[Restraint]) -> None:
    before, after = stance(*some), stance(*some, *more)
    assert all(after.of(device).rung >= before.of(device).rung for device in BOTH)
    assert after.whole.rung == min(rungs(after).values())
