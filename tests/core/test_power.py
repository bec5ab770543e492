from dataclasses import replace

from agent.core.power import Power, PowerPolicy
from agent.model.gpu_state import Draw, Look
from agent.model.ids import Instant
from agent.model.restraint import Restraint, Rung
from tests.core.looks import BLIND, gpu, look

WARM = PowerPolicy(max_temperature_c=80)


def hot(degrees: int) -> Look:
    return look(replace(gpu(), temperature_c=degrees))


def drawing(watts: float | None) -> Look:
    return look(replace(gpu(), draw=Draw(watts=watts)))


def shown(one: Power, what: Look, *seconds: float) -> Power:
    for second in seconds:
        one.on_look(what, Instant(second))
    return one


def rung(one: Power, uuid: str | None = "GPU-A") -> Rung:
    found = one.restraints.get(uuid)
    return Rung.WORK if found is None else found.rung


def test_without_limits_nothing_is_too_hot() -> None:
    one = shown(Power(PowerPolicy()), hot(120), 0, 2)

    assert shown(one, drawing(900.0), 4, 6).restraints == {}


def test_a_gpu_over_its_limit_rests_and_says_until_when() -> None:
    one = shown(Power(WARM), hot(81), 0)
    at_first = rung(one)
    shown(one, hot(84), 2)

    assert at_first is Rung.TAKE_NOTHING
    assert one.restraints == {
        "GPU-A": Restraint(
            rung=Rung.PAUSE,
            why="GPU 0 is at 84 °C, and 80 °C is the limit; back when it has cooled to 72 °C",
            devices=frozenset({"GPU-A"}),
        )
    }


def test_it_goes_on_only_when_it_has_cooled_well_below_for_a_while() -> None:
    one = shown(Power(WARM), hot(85), 0, 2)
    shown(one, hot(75), 4, 100)
    still_warm = rung(one)
    shown(one, hot(72), 102, 131)
    just_cool = rung(one)

    assert (still_warm, just_cool) == (Rung.PAUSE, Rung.PAUSE)
    assert shown(one, hot(72), 132).restraints == {}


def test_heat_alone_never_hands_a_job_back() -> None:
    one = shown(Power(WARM), hot(85), *range(0, 3600, 2))

    assert rung(one) is Rung.PAUSE


def test_a_draw_over_its_limit_rests_too() -> None:
    one = shown(Power(PowerPolicy(max_watts=200)), drawing(240.4), 0, 2)
    shown(one, drawing(190.0), 4, 100)
    resting = rung(one)
    shown(one, drawing(30.0), 102, 132)

    assert resting is Rung.PAUSE
    assert one.restraints == {}


def test_what_a_card_does_not_tell_is_under_every_limit() -> None:
    assert shown(Power(PowerPolicy(max_watts=1)), drawing(None), 0, 2).restraints == {}


def test_on_battery_it_stops_and_hands_back_after_a_while() -> None:
    one = shown(Power(PowerPolicy()), look(is_on_battery=True), 0)
    at_first = rung(one, None)
    shown(one, look(is_on_battery=True), 2)
    paused = one.restraints[None]
    due = one.next_wakeup
    one.on_wakeup(Instant(302.0))

    assert at_first is Rung.TAKE_NOTHING
    assert paused.rung is Rung.PAUSE
    assert paused.why == "the box runs on its battery (80 %); back on mains (see guest.on_battery)"
    assert due == Instant(302.0)
    assert rung(one, None) is Rung.HAND_BACK


def test_on_mains_it_works_again_after_a_moment() -> None:
    one = shown(Power(PowerPolicy()), look(is_on_battery=True), 0, 2)
    shown(one, look(is_on_battery=False), 4)
    at_first = rung(one, None)

    assert at_first is Rung.PAUSE
    assert shown(one, look(is_on_battery=False), 14).restraints == {}


def test_an_owner_may_want_work_on_battery() -> None:
    one = Power(PowerPolicy(works_on_battery=True))

    assert shown(one, look(is_on_battery=True), 0, 2).restraints == {}


def test_a_box_without_a_battery_is_on_mains() -> None:
    assert shown(Power(PowerPolicy()), look(), 0, 2).restraints == {}


def test_a_look_that_sees_nothing_changes_nothing() -> None:
    one = shown(Power(PowerPolicy(max_temperature_c=80)), hot(85), 0, 2)

    assert rung(shown(one, BLIND, 4, 100)) is Rung.PAUSE


def test_a_gpu_that_is_gone_is_not_hot() -> None:
    assert shown(shown(Power(WARM), hot(85), 0, 2), look(), 4).restraints == {}
