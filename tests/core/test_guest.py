import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.core.foreign_use import GuestPolicy, Mode
from agent.core.guest import DISCREET, Guest
from agent.model.gpu_state import GpuState, Load, Look, ProcessKind
from agent.model.ids import Instant, Seconds
from agent.model.restraint import Restraint, Rung
from tests.core.looks import BLIND, gpu, look, ours, process

GAME = gpu(process("game.exe", 3.2))
CALM = gpu(process("Xorg", 0.3))
QUIET = 60.0


def guest(mode: Mode = Mode.ALWAYS, **others: object) -> Guest:
    return Guest(GuestPolicy(mode=mode, ignore=("Xorg",), **others))  # type: ignore[arg-type]


def shown(
    one: Guest, what: Look, *seconds: float, is_computing: bool = False, hours: bool | None = None
) -> Guest:
    for second in seconds:
        one.on_look(what, Instant(second), is_computing=is_computing, is_within_hours=hours)
    return one


def rung(one: Guest, gpu_uuid: str | None = "GPU-A") -> Rung:
    found = one.restraints.get(gpu_uuid)
    return Rung.WORK if found is None else found.rung


def test_a_calm_box_is_not_restrained() -> None:
    assert shown(guest(), look(CALM), 0, 2, 4).restraints == {}


def test_a_game_takes_us_down_the_ladder_and_is_named() -> None:
    one = guest()
    steps = []
    for second in range(0, 70, 2):
        shown(one, look(GAME), second)
        steps.append(rung(one))

    assert steps[:2] == [Rung.TAKE_NOTHING, Rung.PAUSE]
    assert steps.index(Rung.HAND_BACK) * 2 == 62
    assert one.restraints == {
        "GPU-A": Restraint(
            told=DISCREET,
            rung=Rung.HAND_BACK,
            why="GPU 0 is used by game.exe (3.2 GB); back after a quiet minute",
            devices=frozenset({"GPU-A"}),
        )
    }


def test_the_way_back_is_told_with_its_time() -> None:
    one = shown(guest(), look(GAME), 0, 2)
    shown(one, look(CALM), 4)

    restraint = one.restraints["GPU-A"]
    assert restraint.until == Instant(64.0)
    assert restraint.why == "GPU 0 was used by game.exe (3.2 GB); back after a quiet minute"
    assert shown(one, look(CALM), 64).restraints == {}


def test_the_job_is_handed_back_even_if_nobody_looks_again() -> None:
    one = shown(guest(), look(GAME), 0, 2)

    assert one.next_wakeup == Instant(62.0)
    one.on_wakeup(Instant(62.0))
    assert rung(one) is Rung.HAND_BACK


def test_each_gpu_has_a_ladder_of_its_own() -> None:
    two = look(GAME, gpu(uuid="GPU-B", index=1))

    assert shown(guest(), two, 0, 2).restraints.keys() == {"GPU-A"}


def test_our_own_load_does_not_make_us_yield_and_neither_does_its_echo() -> None:
    one = guest()
    busy = gpu(ours(), process("Discord", 0.1), load=Load(compute=90))
    shown(one, look(busy), 0, 2, is_computing=True)
    after_the_end = gpu(process("Discord", 0.1), ours(), load=Load(compute=60))
    shown(one, look(after_the_end), 4, is_computing=False)

    assert one.restraints == {}


def test_in_a_container_a_pause_shows_whether_somebody_else_is_still_there() -> None:
    one = guest()
    streaming = gpu(used_gb=9.0, load=Load(compute=95, encoder=30))
    shown(one, look(streaming, is_container=True), 0, 2, is_computing=True)
    assert rung(one) is Rung.PAUSE

    still_playing = gpu(used_gb=6.0, load=Load(compute=70))
    shown(one, look(still_playing, is_container=True), *range(4, 44, 2), is_computing=False)
    assert rung(one) is Rung.PAUSE
    shown(one, look(gpu(used_gb=0.5), is_container=True), 44, 44 + QUIET, is_computing=False)
    assert one.restraints == {}


def test_with_never_nobody_makes_us_yield() -> None:
    one = shown(guest(Mode.NEVER, programs=("game*",)), look(GAME, programs=frozenset({"game"})), 0)

    assert shown(one, look(GAME), 2, 100).restraints == {}
    assert one.next_wakeup is None


@pytest.mark.parametrize(("hours", "yields"), [(True, False), (False, True), (None, True)])
def test_on_schedule_the_agreed_hours_are_ours(hours: bool | None, yields: bool) -> None:
    one = shown(guest(Mode.ON_SCHEDULE), look(GAME), 0, 2, hours=hours)

    assert bool(one.restraints) is yields


def test_when_the_agreed_hours_begin_nothing_holds_us_any_more() -> None:
    one = shown(guest(Mode.ON_SCHEDULE), look(GAME), 0, 2, hours=False)

    assert shown(one, look(GAME), 4, hours=True).restraints == {}


def test_when_idle_the_owner_has_the_box_until_it_was_left_alone() -> None:
    one = guest(Mode.WHEN_IDLE, idle=Seconds(180.0))
    shown(one, look(CALM, owner_idle=5), 0, 2)
    here = one.restraints
    shown(one, look(CALM, owner_idle=179), 176)
    still = rung(one, None)
    shown(one, look(CALM, owner_idle=181), 178)

    assert here == {
        None: Restraint(
            told=DISCREET,
            rung=Rung.PAUSE,
            why="somebody is at this box; back when nobody has touched it for 3 min",
        )
    }
    assert still is Rung.HAND_BACK
    assert one.restraints == {}


def test_where_nobody_knows_of_the_owner_other_programs_decide() -> None:
    one = shown(guest(Mode.WHEN_IDLE), look(CALM), 0, 2)
    unknown = one.restraints
    shown(one, look(GAME), 4, 6)

    assert unknown == {}
    assert rung(one) is Rung.PAUSE


def test_with_always_the_owner_may_type_beside_us() -> None:
    assert shown(guest(), look(CALM, owner_idle=0), 0, 2).restraints == {}


def test_a_chosen_program_counts_wherever_it_runs() -> None:
    one = guest(programs=("Blender*",))
    shown(one, look(CALM, programs=frozenset({"bash", "blender-4.2"})), 0, 2)

    assert one.restraints == {
        None: Restraint(
            told=DISCREET, rung=Rung.PAUSE, why="blender-4.2 is running; back after a quiet minute"
        )
    }


def test_a_look_that_sees_nothing_changes_nothing_but_the_quiet() -> None:
    one = shown(guest(), look(GAME), 0, 2)
    shown(one, look(CALM), 4)
    shown(one, BLIND, 30)
    shown(one, look(CALM), 64)

    assert rung(one) is Rung.PAUSE


def test_a_gpu_that_is_gone_restrains_nothing() -> None:
    one = shown(guest(), look(GAME), 0, 2)

    assert shown(one, look(), 4).restraints == {}


def test_another_quiet_time_is_said() -> None:
    one = shown(guest(quiet=Seconds(90.0)), look(GAME), 0, 2)

    assert one.restraints["GPU-A"].why.endswith("back after 90 quiet seconds")


def test_the_server_never_learns_what_the_owner_runs() -> None:
    restraint = shown(guest(), look(GAME), 0, 2).restraints["GPU-A"]

    assert "game" in restraint.why
    assert "game" not in restraint.public


def gpus(foreign: float, own: float, load: int, *, compute: bool) -> GpuState:
    kind = ProcessKind.COMPUTE if compute else ProcessKind.GRAPHICS
    others = [process("game", foreign, kind)] if foreign else []
    mine = [ours(own)] if own else []
    return gpu(*others, *mine, load=Load(compute=load))


SIGHTS = st.lists(
    st.builds(
        gpus,
        foreign=st.sampled_from([0.0, 0.1, 2.0]),
        own=st.sampled_from([0.0, 4.0]),
        load=st.integers(0, 100),
        compute=st.booleans(),
    ),
    max_size=40,
)


@given(sights=SIGHTS, is_computing=st.booleans())
def test_it_yields_within_two_sightings_and_comes_back_after_a_quiet_minute(
    sights: list[GpuState], is_computing: bool
) -> None:
    one = guest()
    for i, state in enumerate(sights):
        shown(one, look(state), 2.0 * i, is_computing=is_computing)
    now = 2.0 * len(sights)
    shown(one, look(GAME), now, now + 2, is_computing=is_computing)
    yielded = rung(one)
    shown(one, look(CALM), now + 4, now + 4 + QUIET, is_computing=False)

    assert yielded >= Rung.PAUSE
    assert one.restraints == {}


@given(sights=SIGHTS)
def test_it_never_returns_from_a_pause_before_a_quiet_minute_is_over(
    sights: list[GpuState],
) -> None:
    one, paused_at, used_at = guest(), None, 0.0
    for i, state in enumerate(sights):
        now, before = 2.0 * i, rung(one)
        shown(one, look(state), now)
        if rung(one) >= Rung.PAUSE > before:
            paused_at = now
        restraint = one.restraints.get("GPU-A")
        if restraint is not None and restraint.until is None:
            used_at = now
        if before >= Rung.PAUSE and rung(one) is Rung.WORK:
            assert paused_at is not None
            assert now - used_at >= QUIET


@given(
    own=st.lists(st.sampled_from([0.0, 0.5, 4.0, 20.0]), max_size=30),
    loads=st.lists(st.integers(0, 100), min_size=30, max_size=30),
    computing=st.lists(st.booleans(), min_size=30, max_size=30),
)
def test_it_never_yields_to_our_own_processes(
    own: list[float], loads: list[int], computing: list[bool]
) -> None:
    one = guest()
    for i, gb in enumerate(own):
        mine = [ours(gb)] if gb else []
        state = gpu(*mine, process("Xorg", 0.3), load=Load(compute=loads[i]))
        shown(one, look(state), 2.0 * i, is_computing=computing[i])

        assert one.restraints == {}
