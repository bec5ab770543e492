import os
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import NoReturn

import pytest

from agent.edges.trials import Trial
from agent.pipelines.trials.driver import Card, Driver, Holder, Trouble, look

GIB = 2**30


class NvmlError(Exception):
    """The root of the library's errors."""


def kind(name: str) -> type[NvmlError]:
    """As the library makes its own kinds: on the fly."""
    return type(name, (NvmlError,), {})


@dataclass(frozen=True)
class Memory:
    total: int = 24 * GIB
    free: int = 20 * GIB


@dataclass(frozen=True)
class Process:
    pid: int
    usedGpuMemory: int | None  # noqa: N815 (the library's own name)


@dataclass
class FakeNvml:
    """A driver with its cards; what it does not know it refuses to tell."""

    NVMLError: type[Exception] = NvmlError
    names: Sequence[str] = ("RTX 3090",)
    broken: NvmlError | None = None
    knows_little: bool = False
    computing: list[Process] = field(default_factory=list)
    drawing: list[Process] = field(default_factory=list)

    def nvmlInit(self) -> None:  # noqa: N802
        if self.broken is not None:
            raise self.broken

    def nvmlSystemGetDriverVersion(self) -> str:  # noqa: N802
        return "550.54.14"

    def nvmlSystemGetCudaDriverVersion_v2(self) -> int:  # noqa: N802
        self._refuse()
        return 12040

    def nvmlDeviceGetCount(self) -> int:  # noqa: N802
        return len(self.names)

    def nvmlDeviceGetHandleByIndex(self, index: int, /) -> object:  # noqa: N802
        return index

    def nvmlDeviceGetName(self, handle: object, /) -> str:  # noqa: N802
        assert isinstance(handle, int)
        return self.names[handle]

    def nvmlDeviceGetMemoryInfo(self, _handle: object, /) -> Memory:  # noqa: N802
        return Memory()

    def nvmlDeviceGetCudaComputeCapability(self, _handle: object, /) -> list[int]:  # noqa: N802
        self._refuse()
        return [8, 6]

    def nvmlDeviceGetComputeMode(self, _handle: object, /) -> int:  # noqa: N802
        self._refuse()
        return 0

    def nvmlDeviceGetTemperatureThreshold(self, _handle: object, kind: int, /) -> int:  # noqa: N802
        self._refuse()
        return {0: 98, 1: 95}[kind]

    def nvmlDeviceGetComputeRunningProcesses(  # noqa: N802
        self, _handle: object, /
    ) -> list[Process]:
        self._refuse()
        return self.computing

    def nvmlDeviceGetGraphicsRunningProcesses(  # noqa: N802
        self, _handle: object, /
    ) -> list[Process]:
        self._refuse()
        return self.drawing

    def _refuse(self) -> None:
        if self.knows_little:
            raise kind("NVMLError_NotSupported")("Not Supported")


def test_a_driver_tells_itself_its_cuda_and_its_cards() -> None:
    assert look(FakeNvml) == Driver(
        version="550.54.14",
        cuda=(12, 4),
        cards=(
            Card(
                name="RTX 3090",
                total=24 * GIB,
                free=20 * GIB,
                capability=(8, 6),
                compute_mode=0,
                holders=(),
                slows_at_c=95,
            ),
        ),
    )


def test_who_holds_a_gpu_is_told_once_with_its_name() -> None:
    own = Process(os.getpid(), GIB)
    gone = Process(2**22 + 1, None)

    (card,) = look(lambda: FakeNvml(computing=[own], drawing=[own, gone])).cards

    assert card.holders[0].pid == os.getpid()
    assert "python" in card.holders[0].name or "pytest" in card.holders[0].name
    assert card.holders[1:] == (Holder(gone.pid, "", None),)


def test_what_an_old_card_does_not_know_is_left_out() -> None:
    found = look(lambda: FakeNvml(knows_little=True))

    assert found.cuda is None
    assert (found.cards[0].capability, found.cards[0].compute_mode) == (None, None)
    assert found.cards[0].holders == ()
    assert found.cards[0].slows_at_c is None


@pytest.mark.parametrize(
    ("name", "trouble"),
    [
        ("NVMLError_LibraryNotFound", Trouble.NO_DRIVER),
        ("NVMLError_DriverNotLoaded", Trouble.NO_DRIVER),
        ("NVMLError_LibRmVersionMismatch", Trouble.MISMATCH),
        ("NVMLError_Unknown", Trouble.LOST),
        ("NVMLError_GpuIsLost", Trouble.LOST),
        ("NVMLError_NoPermission", Trouble.OTHER),
    ],
)
def test_each_trouble_of_the_driver_is_known_by_its_name(name: str, trouble: Trouble) -> None:
    broken = kind(name)("its own words")

    found = look(lambda: FakeNvml(broken=broken))

    assert (found.trouble, found.reason) == (trouble, "its own words")


def test_the_names_of_those_troubles_are_the_librarys() -> None:
    import pynvml

    for number, name in (
        (pynvml.NVML_ERROR_LIBRARY_NOT_FOUND, "NVMLError_LibraryNotFound"),
        (pynvml.NVML_ERROR_DRIVER_NOT_LOADED, "NVMLError_DriverNotLoaded"),
        (pynvml.NVML_ERROR_LIB_RM_VERSION_MISMATCH, "NVMLError_LibRmVersionMismatch"),
        (pynvml.NVML_ERROR_UNKNOWN, "NVMLError_Unknown"),
        (pynvml.NVML_ERROR_GPU_IS_LOST, "NVMLError_GpuIsLost"),
    ):
        assert type(pynvml.NVMLError(number)).__name__ == name


def test_a_missing_package_is_told_as_such() -> None:
    def missing() -> NoReturn:
        raise ImportError

    assert look(missing).trouble is Trouble.NO_LIBRARY


def test_in_a_process_of_its_own_it_answers_as_here() -> None:
    trial = Trial("agent.pipelines.trials.driver", Driver)

    assert trial.run(dict(os.environ), 60.0) == look()
