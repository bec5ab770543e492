from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.core.foreign_use import SETTLING, Calm, GuestPolicy, Seen, foreign_use, in_words
from agent.model.gpu_state import GpuProcess, GpuState, Load, ProcessKind
from agent.model.ids import Bytes, Instant
from tests.core.looks import AGENT, gpu, ours, process

POLICY = GuestPolicy(ignore=("Xorg", "gnome-shell*"), programs=("blender*",))
BUSY = Load(compute=80)
START = Instant(0.0)


def seen(state: GpuState, *, is_computing: bool = False, is_container: bool = False) -> Seen:
    return Seen(
        state=state,
        own_pids=frozenset() if is_container else frozenset({AGENT}),
        are_pids_ours_to_read=not is_container,
        is_computing=is_computing,
    )


def who(state: GpuState, *, is_computing: bool = False, calm: Calm | None = None) -> str | None:
    return foreign_use(seen(state, is_computing=is_computing), POLICY, calm or Calm(), START)


@pytest.mark.parametrize(
    ("processes", "load", "expected"),
    [
        ((), Load(), None),
        ((process("Xorg", 2.0), process("gnome-shell", 1.5)), BUSY, None),
        ((process("firefox", 0.4), process("Discord", 0.1)), Load(compute=15), None),
        ((process("game.exe", 3.2),), Load(), "game.exe (3.2 GB)"),
        ((process("game.exe", 1.0),), Load(), None),
        ((process("ollama", 0.3, ProcessKind.COMPUTE),), Load(), "ollama (0.3 GB)"),
        ((process("Blender", 0.1),), Load(), "Blender (0.1 GB)"),
        ((process("zoom", 0.3, encoder=9),), Load(), "zoom (0.3 GB), encoder 9 %"),
        ((process("zoom", 0.3),), Load(encoder=9), "zoom (0.3 GB), encoder 9 %"),
        ((process("zoom", 0.3, encoder=3),), Load(encoder=3), None),
        ((process("gnome-shell", 0.3),), Load(encoder=30), None),
        ((process("game", 0.5, compute=70),), Load(), "game (0.5 GB), load 70 %"),
        ((process("a", 0.2, compute=12), process("b", 0.2, compute=13)), Load(), "b"),
        ((process("firefox", 0.4),), BUSY, "firefox (0.4 GB), load 80 %"),
        ((process("firefox", 0.4, compute=5), process("Xorg", compute=75)), BUSY, None),
        ((process(None, 3.0, pid=77),), Load(), "process 77 (3.0 GB)"),
        ((process("game", None, compute=50),), Load(), "game, load 50 %"),
    ],
)
def test_who_counts_as_another_program(
    processes: tuple[GpuProcess, ...], load: Load, expected: str | None
) -> None:
    found = who(gpu(*processes, load=load))

    assert found == expected or (expected is not None and (found or "").startswith(expected))


def test_our_own_work_is_never_foreign() -> None:
    state = gpu(ours(20.0), load=Load(compute=100, decoder=60))

    assert who(state, is_computing=True) is None


def test_a_game_beside_our_own_work_is_seen_by_its_share() -> None:
    state = gpu(ours(4.0, compute=60), process("game", 0.8, compute=40), load=BUSY)

    assert who(state, is_computing=True) == "game (0.8 GB), load 40 %"


def test_where_shares_are_not_told_our_own_load_shields_small_programs() -> None:
    state = gpu(ours(), process("Discord", 0.1), load=BUSY)

    assert who(state, is_computing=True) is None
    assert who(state, is_computing=False) == "Discord (0.1 GB), load 80 %"


def test_our_work_on_another_gpu_shields_nobody_on_this_one() -> None:
    state = gpu(process("Discord", 0.1), load=BUSY)

    assert who(state, is_computing=True) == "Discord (0.1 GB), load 80 %"


def test_many_small_programs_count_together_above_the_calm() -> None:
    calm = Calm()
    first = who(gpu(process("firefox", 0.6)), calm=calm)
    many = who(gpu(process("firefox", 0.9), process("code", 0.8)), calm=calm)

    assert first is None
    assert many == "other programs (together 1.1 GB more than in calm times)"


def test_what_grows_no_more_becomes_the_calm() -> None:
    calm, grown = Calm(), gpu(process("firefox", 0.9), process("code", 0.9))
    foreign_use(seen(gpu()), POLICY, calm, START)

    found = [
        foreign_use(seen(grown), POLICY, calm, Instant(second))
        for second in (2.0, SETTLING + 1.0, SETTLING + 2.0)
    ]

    assert [one is None for one in found] == [False, False, True]


def test_a_single_large_program_never_becomes_the_calm() -> None:
    calm, game = Calm(), gpu(process("game", 3.0))

    found = [foreign_use(seen(game), POLICY, calm, Instant(60.0 * i)) for i in range(60)]

    assert all(found)


def test_creeping_growth_is_seen_too() -> None:
    calm = Calm()
    found = [
        foreign_use(seen(gpu(process("x", 0.1 * i))), POLICY, calm, Instant(2.0 * i))
        for i in range(13)
    ]

    assert found[10] is None
    assert found[12] is not None


def test_where_processes_are_not_listed_the_whole_gpu_speaks_while_we_rest() -> None:
    def found(state: GpuState, calm: Calm) -> str | None:
        return foreign_use(seen(state, is_container=True), POLICY, calm, START)

    calm = Calm()
    rest = found(gpu(used_gb=1.5, is_listing=False), calm)
    grown = found(gpu(used_gb=4.0, is_listing=False), calm)
    busy = found(gpu(used_gb=1.5, is_listing=False, load=BUSY), calm)

    assert rest is None
    assert grown == "other programs (together 2.5 GB more than in calm times)"
    assert busy == "another program, load 80 %"


def test_in_a_container_what_we_may_be_ourselves_is_not_held_against_us() -> None:
    calm = Calm()

    def found(used_gb: float, *, is_computing: bool, load: int = 0) -> str | None:
        listed = process("?", used_gb, ProcessKind.COMPUTE, pid=41_000)
        state = gpu(listed, used_gb=used_gb, load=Load(compute=load))
        one = seen(state, is_computing=is_computing, is_container=True)
        return foreign_use(one, POLICY, calm, START)

    before = found(0.5, is_computing=False)
    while_we_compute = found(8.0, is_computing=True, load=95)
    with_our_model_left = found(6.0, is_computing=False)
    with_a_game = found(9.0, is_computing=False)

    assert (before, while_we_compute, with_our_model_left) == (None, None, None)
    assert with_a_game is not None


def test_a_card_that_hides_memory_is_judged_by_the_rest() -> None:
    state = replace(gpu(process("game", None, compute=50)), used=None, memory=None)

    assert who(state) == "game, load 50 %"


def test_a_program_is_told_by_name_and_size() -> None:
    assert in_words(process("game.exe", 3.24)) == "game.exe (3.2 GB)"
    assert in_words(process(None, None, pid=7)) == "process 7"


@given(
    own=st.lists(st.floats(0.0, 20.0), max_size=4),
    load=st.integers(0, 100),
    encoder=st.integers(0, 100),
    tells=st.booleans(),
    is_computing=st.booleans(),
)
def test_a_gpu_with_nobody_but_us_and_the_desktop_is_never_used(
    own: list[float], load: int, encoder: int, tells: bool, is_computing: bool
) -> None:
    calm = Calm()
    foreign_use(seen(gpu(process("Xorg", 0.3))), POLICY, calm, START)
    processes = [
        process("python", gb, ProcessKind.COMPUTE, pid=AGENT + i, compute=load if tells else None)
        for i, gb in enumerate(own)
    ]
    state = gpu(*processes, process("Xorg", 0.3), load=Load(compute=load, encoder=encoder))
    one = Seen(
        state=state,
        own_pids=frozenset(range(AGENT, AGENT + 4)),
        is_computing=is_computing,
    )

    assert foreign_use(one, POLICY, calm, Instant(2.0)) is None


@given(st.lists(st.integers(0, 24 * 10**9), min_size=1, max_size=50))
def test_the_calm_is_never_more_than_what_lies_there(held: list[int]) -> None:
    calm = Calm()

    for i, one in enumerate(held):
        assert 0 <= calm.excess(Bytes(one), Instant(2.0 * i)) <= one
