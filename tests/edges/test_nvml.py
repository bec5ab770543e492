from dataclasses import replace
from pathlib import Path
from threading import Thread

import pytest

from agent.edges.containers import passed_no_gpu
from agent.edges.nvml import PAUSE, RECENT, Nvml
from agent.edges.nvml_library import Library, installed_library
from agent.model.gpu_state import Draw, GpuProcess, GpuState, Load, Missing, ProcessKind, Trouble
from agent.model.hardware import Gpu
from agent.model.ids import Bytes
from tests.fakes.boxes import box
from tests.fakes.nvml import (
    ERRORS,
    MB,
    NOT_A_BOX,
    Card,
    FakeNvml,
    MemoryInfo,
    NvmlError,
    NVMLError_DriverNotLoaded,
    NVMLError_GpuIsLost,
    NVMLError_LibraryNotFound,
    NVMLError_LibRmVersionMismatch,
    NVMLError_Unknown,
    Process,
    seen_by,
)

FULL = Card(
    uuid="GPU-A",
    encoder=7,
    decoder=3,
    reasons=0x01 | 0x04 | 0x20,
    processes=(
        Process(7, "python3", 3_000 * MB, "C", compute=55),
        Process(9, "firefox", 400 * MB, "C+G", compute=2, encoder=1),
        Process(11, "Xorg", None, "G"),
    ),
)


class Ticking:
    """A clock that the test moves."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


def the_trouble(nvml: Nvml) -> Missing:
    sight = nvml.states()
    assert sight.gpus == ()
    (missing,) = sight.missing
    return missing


def test_each_card_is_seen_with_name_memory_and_driver() -> None:
    sight = seen_by(FakeNvml([Card(name="A"), Card(name="B")], driver="550")).look()

    memory = Bytes(24 * 2**30)
    assert sight.gpus == (Gpu("A", memory, "550"), Gpu("B", memory, "550"))
    assert sight.reason is None


def test_all_that_a_card_tells_is_read() -> None:
    (state,) = seen_by(FakeNvml([FULL])).states().gpus

    assert state == GpuState(
        index=0,
        uuid="GPU-A",
        name="NVIDIA GeForce RTX 3090",
        memory=Bytes(24 * 2**30),
        used=Bytes(2**30),
        load=Load(compute=42, encoder=7, decoder=3),
        temperature_c=61,
        draw=Draw(watts=120.5, limit_watts=350.0, joules=5000.0),
        throttling=("power limit", "heat"),
        processes=(
            GpuProcess(
                pid=7,
                kind=ProcessKind.COMPUTE,
                name="python3",
                memory=Bytes(3_000 * MB),
                compute_percent=55,
                encoder_percent=0,
            ),
            GpuProcess(
                pid=9,
                kind=ProcessKind.BOTH,
                name="firefox",
                memory=Bytes(400 * MB),
                compute_percent=2,
                encoder_percent=1,
            ),
            GpuProcess(
                pid=11,
                kind=ProcessKind.GRAPHICS,
                name="Xorg",
                memory=None,
                compute_percent=0,
                encoder_percent=0,
            ),
        ),
    )
    assert state.free == 23 * 2**30


def test_what_a_card_does_not_support_is_none() -> None:
    mute = Card(
        memory=None,
        utilization=None,
        temperature=None,
        encoder=None,
        decoder=None,
        milliwatts=None,
        limit=None,
        millijoules=None,
        reasons=None,
        processes=None,
    )

    (state,) = seen_by(FakeNvml([mute])).states().gpus

    assert state == GpuState(index=0, uuid="GPU-0", name="NVIDIA GeForce RTX 3090")
    assert state.free is None


def test_a_driver_that_does_not_tell_the_use_of_each_process_leaves_it_open() -> None:
    (state,) = seen_by(FakeNvml([replace(FULL, tells_use_of_each=False)])).states().gpus

    assert {one.compute_percent for one in state.processes or ()} == {None}


def test_a_process_that_did_nothing_since_the_last_look_has_used_nothing() -> None:
    library = FakeNvml([FULL])
    nvml = seen_by(library)
    nvml.states()

    library.cards = [replace(FULL, processes=(Process(7, "python3", compute=0),))]
    (state,) = nvml.states().gpus

    assert [one.compute_percent for one in state.processes or ()] == [0]


def test_an_older_package_that_lacks_a_question_is_asked_the_older_one() -> None:
    class Older(FakeNvml):
        @property
        def nvmlDeviceGetCurrentClocksEventReasons(self) -> object:  # type: ignore[override]  # noqa: N802
            raise AttributeError

    (state,) = seen_by(Older([FULL])).states().gpus

    assert state.throttling == ("power limit", "heat")


@pytest.mark.parametrize(
    ("error", "trouble", "why"),
    [
        (
            NVMLError_LibraryNotFound("not found"),
            Trouble.NO_DRIVER,
            "no NVIDIA driver is loaded (not found)",
        ),
        (
            NVMLError_LibRmVersionMismatch("mismatch"),
            Trouble.DRIVER_REPLACED,
            (
                "the NVIDIA driver was updated while the older one runs (mismatch):"
                " reboot, or reload the driver"
            ),
        ),
        (NvmlError("x"), Trouble.LOST, "the NVIDIA driver does not answer (x)"),
    ],
)
def test_why_there_is_no_gpu_is_told_apart(error: NvmlError, trouble: Trouble, why: str) -> None:
    nvml = seen_by(FakeNvml(broken=error))

    assert the_trouble(nvml) == Missing(trouble=trouble, why=why)
    assert nvml.look().gpus == ()
    assert nvml.look().reason == why


def test_a_container_without_its_gpu_is_told_how_to_get_it(tmp_path: Path) -> None:
    here = box(tmp_path, is_container=True, has_card=True)
    driverless = seen_by(FakeNvml(broken=NVMLError_LibraryNotFound("x")), here)
    blind = seen_by(FakeNvml(), here)

    for nvml in (driverless, blind):
        missing = the_trouble(nvml)
        assert missing.trouble is Trouble.NOT_PASSED_IN
        assert here.engine is not None
        assert missing.why == passed_no_gpu(here.engine)


def test_a_card_without_its_driver_is_told(tmp_path: Path) -> None:
    here = box(tmp_path, has_card=True)

    missing = the_trouble(seen_by(FakeNvml(broken=NVMLError_DriverNotLoaded("x")), here))

    assert missing.trouble is Trouble.NO_DRIVER
    assert missing.why.startswith("an NVIDIA card is there without a driver")


def test_a_driver_without_cards_is_told() -> None:
    assert the_trouble(seen_by(FakeNvml())).trouble is Trouble.NO_GPU
    assert seen_by(FakeNvml()).look().reason == "the NVIDIA driver is there and sees no GPU"


def test_without_the_package_there_are_no_gpus() -> None:
    def missing() -> Library:
        raise ImportError

    nvml = Nvml(missing, surroundings=NOT_A_BOX)

    assert nvml.look().reason == "the package nvidia-ml-py is not installed"


@pytest.mark.parametrize("error", [NVMLError_GpuIsLost, NVMLError_Unknown])
def test_one_lost_gpu_of_two_does_not_hide_the_other(error: type[NvmlError]) -> None:
    first, second = Card(uuid="GPU-A"), Card(uuid="GPU-B")
    library = FakeNvml([first, second])
    nvml = seen_by(library)
    nvml.states()

    library.cards = [first, replace(second, lost=error)]
    sight = nvml.states()

    assert [gpu.uuid for gpu in sight.gpus] == ["GPU-A"]
    (missing,) = sight.missing
    assert (missing.trouble, missing.uuid) == (Trouble.LOST, "GPU-B")
    assert missing.why.startswith("GPU 1 does not answer (")
    assert "reboot" in missing.why


def test_a_gpu_lost_in_a_container_is_told_of_what_took_it(tmp_path: Path) -> None:
    here = box(tmp_path, is_container=True, nodes=("nvidia0",))

    missing = the_trouble(seen_by(FakeNvml([Card(lost=NVMLError_Unknown)]), here))

    assert "daemon-reload" in missing.why


def test_a_lost_gpu_is_looked_for_again_after_a_pause() -> None:
    clock, library = Ticking(), FakeNvml([Card()])
    nvml = seen_by(library, now=clock)
    clock.now = 1.0
    nvml.states()

    library.cards = [Card(lost=NVMLError_GpuIsLost)]
    lost = nvml.states()
    library.cards = [Card()]
    clock.now += PAUSE
    back = nvml.states()

    assert (lost.gpus, len(back.gpus)) == ((), 1)
    assert back.missing == ()
    assert (library.inits, library.shutdowns) == (2, 1)


def test_a_driver_that_is_gone_is_opened_again_after_a_pause_and_not_before() -> None:
    clock, library = Ticking(), FakeNvml([Card()])
    nvml = seen_by(library, now=clock)
    nvml.states()

    library.broken = NVMLError_DriverNotLoaded("gone")
    gone = [nvml.states() for _ in range(3)]
    library.broken = None
    clock.now += PAUSE - 1
    early = nvml.states()
    clock.now += 1
    back = nvml.states()

    assert {one.gpus for one in (*gone, early)} == {()}
    assert {one.missing[0].trouble for one in (*gone, early)} == {Trouble.NO_DRIVER}
    assert len(back.gpus) == 1
    assert library.inits == 2


def test_a_driver_that_comes_late_is_found_and_opened_once() -> None:
    clock, library = Ticking(), FakeNvml([Card()], broken=NvmlError("x"))
    nvml = seen_by(library, now=clock)
    nvml.states()
    nvml.states()

    library.broken = None
    clock.now += PAUSE
    sights = [nvml.states() for _ in range(3)]

    assert [len(sight.gpus) for sight in sights] == [1, 1, 1]
    assert library.inits == 2


def test_a_gpu_that_is_plugged_in_is_seen_by_its_device_node(tmp_path: Path) -> None:
    here = box(tmp_path, nodes=("nvidia0",))
    library = FakeNvml([Card(uuid="GPU-A")])
    nvml = seen_by(library, here)
    nvml.states()

    library.cards = [Card(uuid="GPU-A"), Card(uuid="GPU-B")]
    (tmp_path / "dev/nvidia1").touch()

    assert [gpu.uuid for gpu in nvml.states().gpus] == ["GPU-A", "GPU-B"]
    assert library.inits == 2


def test_while_one_look_hangs_the_others_are_told_what_was_seen_last() -> None:
    library = FakeNvml([Card()])
    nvml = seen_by(library)
    first = nvml.states()
    heard = []

    def meanwhile() -> None:
        other = Thread(target=lambda: heard.append(nvml.states()))
        other.start()
        other.join(timeout=5.0)

    library.cards, library.asked = [Card(), Card()], meanwhile
    second = nvml.states()

    assert heard == [first]
    assert len(second.gpus) == 2


def test_in_a_container_a_number_names_nobody(tmp_path: Path) -> None:
    card = Card(processes=(Process(1, None),))
    inside = box(tmp_path / "in", pids="pid:[4026532201]")
    outside = box(tmp_path / "out")

    def named(nvml: Nvml) -> list[str | None]:
        return [one.name for one in nvml.states().gpus[0].processes or ()]

    def load() -> FakeNvml:
        return FakeNvml([card])

    assert named(Nvml(load, surroundings=outside, name_of=lambda _: "init")) == ["init"]
    assert named(Nvml(load, surroundings=inside, name_of=lambda _: "init")) == [None]


def test_the_name_that_the_driver_knows_helps_out() -> None:
    card = Card(processes=(Process(1, "game.exe"),), memory=MemoryInfo(1, 1))

    (state,) = seen_by(FakeNvml([card])).states().gpus

    assert [one.name for one in state.processes or ()] == ["game.exe"]


@pytest.mark.parametrize(
    "name", [name for name in dir(FakeNvml) if name.startswith(("nvml", "NV"))]
)
def test_the_fake_offers_only_what_the_library_has(name: str) -> None:
    assert hasattr(installed_library(), name)


@pytest.mark.parametrize("name", ERRORS)
def test_the_fakes_errors_are_named_as_the_librarys(name: str) -> None:
    assert hasattr(installed_library(), f"NVMLError_{name}")


def test_the_real_library_gives_gpus_or_a_reason() -> None:
    sight = Nvml().look()

    assert bool(sight.gpus) is (sight.reason is None)


def test_cards_tell_what_they_have_drawn_and_older_ones_do_not() -> None:
    cards = [Card(uuid="GPU-a", millijoules=4_500), Card(uuid="GPU-b", millijoules=None)]
    nvml = seen_by(FakeNvml(cards))
    nvml.look()

    assert nvml.energy_joules() == {"GPU-a": 4.5}


def test_without_a_card_that_counts_nobody_tells_any_energy() -> None:
    nvml = seen_by(FakeNvml([Card(millijoules=None)]))
    nvml.look()

    assert nvml.energy_joules() is None


def test_what_nobody_has_looked_at_for_long_is_not_told_as_if_it_were_now() -> None:
    now = Ticking()
    nvml = seen_by(FakeNvml([Card()]), now=now)
    nvml.look()
    seen = len(nvml.recent.gpus), nvml.energy_joules() is None

    now.now += RECENT + 1

    assert seen == (1, False)
    assert (nvml.recent.gpus, nvml.energy_joules()) == ((), None)
    assert nvml.recent.missing[0].trouble is Trouble.SILENT
