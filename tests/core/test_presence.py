import pytest

from agent.core.presence import Appeared, Lost, News, Presence
from agent.model.gpu_state import Look, Missing, ProcessKind, Trouble
from agent.model.restraint import Restraint, Rung
from tests.core.looks import BLIND, gpu, look, ours, process

LOST = Missing(trouble=Trouble.LOST, why="GPU 0 does not answer", uuid="GPU-A")
NO_DRIVER = Missing(trouble=Trouble.NO_DRIVER, why="no driver")
GAME = gpu(process("game.exe", 23.0), process("Xorg", 0.3))


def shown(one: Presence, *looks: Look, is_computing: bool = False) -> list[News]:
    return [news for what in looks for news in one.on_look(what, is_computing=is_computing)]


def presence(*, is_required: bool = False) -> Presence:
    return Presence(is_required=is_required)


def test_a_gpu_appears_once() -> None:
    news = shown(presence(), look(gpu()), look(gpu()))

    assert news == [Appeared("GPU-A", "GPU 0, RTX", is_back=False)]


def test_a_box_without_a_gpu_is_not_restrained() -> None:
    one = presence()

    assert shown(one, look(missing=(NO_DRIVER,))) == []
    assert one.restraints == {}


def test_where_one_is_required_a_box_without_takes_nothing_and_says_why() -> None:
    one = presence(is_required=True)
    shown(one, look(missing=(NO_DRIVER,)))

    assert one.restraints == {
        None: Restraint(rung=Rung.TAKE_NOTHING, why="a GPU is required: no driver")
    }


def test_a_late_gpu_lifts_that() -> None:
    one = presence(is_required=True)
    news = shown(one, look(missing=(NO_DRIVER,)), look(gpu()))

    assert news == [Appeared("GPU-A", "GPU 0, RTX", is_back=False)]
    assert one.restraints == {}


def test_a_lost_gpu_is_told_once_and_keeps_work_away_from_itself() -> None:
    one = presence()
    news = shown(
        one,
        look(gpu(), gpu(uuid="GPU-B", index=1)),
        look(gpu(uuid="GPU-B", index=1), missing=(LOST,)),
        look(gpu(uuid="GPU-B", index=1), missing=(LOST,)),
    )

    assert news[2:] == [Lost("GPU-A", "GPU 0, RTX", "GPU 0 does not answer")]
    assert one.restraints == {
        "GPU-A": Restraint(
            rung=Rung.TAKE_NOTHING,
            why="GPU 0 does not answer",
            devices=frozenset({"GPU-A"}),
        )
    }


def test_a_gpu_that_comes_back_is_told_and_used_again() -> None:
    one = presence()
    news = shown(one, look(gpu()), look(missing=(LOST,)), look(gpu()))

    assert news[-1] == Appeared("GPU-A", "GPU 0, RTX", is_back=True)
    assert one.restraints == {}


@pytest.mark.parametrize(
    ("later", "why"),
    [
        (look(missing=(NO_DRIVER,)), "no driver"),
        (BLIND, "hangs"),
        (look(gpu(uuid="GPU-B")), "the driver lists this GPU no more"),
    ],
)
def test_what_took_a_gpu_away_is_said(later: Look, why: str) -> None:
    one = presence()
    shown(one, look(gpu()), later)

    assert one.missing["GPU-A"].why == why


def test_a_gpu_full_of_others_memory_says_who_holds_how_much() -> None:
    one = presence()
    shown(one, look(GAME))
    at_first = one.restraints
    shown(one, look(GAME))

    assert at_first == {}
    assert one.missing["GPU-A"].trouble is Trouble.FULL
    assert one.restraints["GPU-A"].why == (
        "GPU 0 has 0.2 of 24.0 GB free and a model needs 1.0 GB;"
        " its memory is held by game.exe (23.0 GB), Xorg (0.3 GB)"
    )
    assert one.restraints["GPU-A"].public == "a GPU has no room for a model"
    shown(one, look(gpu()))
    assert one.restraints == {}


@pytest.mark.parametrize(
    "state",
    [
        gpu(ours(23.3)),
        gpu(ours(None), used_gb=23.9),
        gpu(process("game", 10.0), ours(5.0), used_gb=23.5),
    ],
)
def test_a_gpu_full_of_our_own_memory_is_no_trouble(state: object) -> None:
    one = presence()
    shown(one, look(state), look(state), is_computing=True)  # type: ignore[arg-type]

    assert one.restraints == {}


def test_in_a_container_only_a_box_that_never_computed_can_tell() -> None:
    full = look(
        gpu(process(None, 23.0, ProcessKind.COMPUTE, pid=5), used_gb=23.8), is_container=True
    )
    fresh, worked = presence(), presence()
    shown(fresh, full, full)
    shown(worked, look(gpu(), is_container=True), is_computing=True)
    shown(worked, full, full)

    assert "held by programs that cannot be seen from here" in fresh.missing["GPU-A"].why
    assert worked.restraints == {}
