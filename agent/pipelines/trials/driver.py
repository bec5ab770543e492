"""What the NVIDIA driver says of itself and its GPUs: `python -m agent.pipelines.trials.driver`.

A process of its own, because a driver in trouble may not answer at all.
"""

from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Protocol, TypeVar, cast

from agent.pipelines.trials.telling import reason_of, tell

_Told = TypeVar("_Told")
_SLOWDOWN = 1
"""The library's number of that threshold."""
_NAMESPACE = Path("/proc/self/ns/pid")
_OF_THE_HOST = "pid:[4026531836]"
"""The kernel's fixed number."""


class Trouble(StrEnum):
    """Why the driver tells nothing."""

    NO_LIBRARY = "no_library"
    """nvidia-ml-py is not installed."""
    NO_DRIVER = "no_driver"
    MISMATCH = "mismatch"
    """The kernel still runs the driver from before an update."""
    LOST = "lost"
    """It was there: a container whose GPU was taken away, or a card that fell off its bus."""
    OTHER = "other"


_TROUBLES = {
    "NVMLError_LibraryNotFound": Trouble.NO_DRIVER,
    "NVMLError_DriverNotLoaded": Trouble.NO_DRIVER,
    "NVMLError_LibRmVersionMismatch": Trouble.MISMATCH,
    "NVMLError_Unknown": Trouble.LOST,
    "NVMLError_GpuIsLost": Trouble.LOST,
}
"""NVML's own kinds of errors are made on the fly; their names are all there is to go by."""


@dataclass(frozen=True, slots=True)
class Holder:
    """A program that holds memory of a GPU."""

    pid: int
    name: str
    """Empty where another user's, or another container's, cannot be seen."""
    memory: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Card:
    name: str
    total: int
    free: int
    capability: tuple[int, int] | None
    compute_mode: int | None
    holders: tuple[Holder, ...]
    slows_at_c: int | None = None
    """Degrees at which it slows itself down; newer cards do not tell."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Driver:
    version: str = ""
    cuda: tuple[int, int] | None = None
    """The newest CUDA that it runs."""
    cards: tuple[Card, ...] = ()
    trouble: Trouble | None = None
    reason: str = ""


class _Memory(Protocol):
    @property
    def total(self) -> int: ...

    @property
    def free(self) -> int: ...


class _Process(Protocol):
    @property
    def pid(self) -> int: ...

    @property
    def usedGpuMemory(self) -> int | None: ...  # noqa: N802 (the library's own names)


class Library(Protocol):
    """The part of `pynvml` that we use."""

    @property
    def NVMLError(self) -> type[Exception]: ...  # noqa: N802

    def nvmlInit(self) -> object: ...  # noqa: N802
    def nvmlSystemGetDriverVersion(self) -> str: ...  # noqa: N802
    def nvmlSystemGetCudaDriverVersion_v2(self) -> int: ...  # noqa: N802
    def nvmlDeviceGetCount(self) -> int: ...  # noqa: N802
    def nvmlDeviceGetHandleByIndex(self, _index: int, /) -> object: ...  # noqa: N802
    def nvmlDeviceGetName(self, _handle: object, /) -> str: ...  # noqa: N802
    def nvmlDeviceGetMemoryInfo(self, _handle: object, /) -> _Memory: ...  # noqa: N802
    def nvmlDeviceGetCudaComputeCapability(self, _handle: object, /) -> Sequence[int]: ...  # noqa: N802
    def nvmlDeviceGetComputeMode(self, _handle: object, /) -> int: ...  # noqa: N802
    def nvmlDeviceGetTemperatureThreshold(self, _handle: object, _kind: int, /) -> int: ...  # noqa: N802
    def nvmlDeviceGetComputeRunningProcesses(self, _handle: object, /) -> Sequence[_Process]: ...  # noqa: N802
    def nvmlDeviceGetGraphicsRunningProcesses(self, _handle: object, /) -> Sequence[_Process]: ...  # noqa: N802


def installed_library() -> Library:
    import pynvml

    return cast("Library", pynvml)


def look(load: Callable[[], Library] = installed_library) -> Driver:
    try:
        library = load()
    except ImportError:
        return Driver(trouble=Trouble.NO_LIBRARY, reason="the package nvidia-ml-py is missing")
    try:
        library.nvmlInit()
        return Driver(
            version=library.nvmlSystemGetDriverVersion(),
            cuda=_cuda(library),
            cards=tuple(_card(library, number) for number in range(library.nvmlDeviceGetCount())),
        )
    except library.NVMLError as error:
        kind = _TROUBLES.get(type(error).__name__, Trouble.OTHER)
        return Driver(trouble=kind, reason=reason_of(error))


def _cuda(library: Library) -> tuple[int, int] | None:
    number = _asked(library, library.nvmlSystemGetCudaDriverVersion_v2)
    # 12040 is 12.4.
    return None if number is None else (number // 1000, number % 1000 // 10)


def _card(library: Library, number: int) -> Card:
    handle = library.nvmlDeviceGetHandleByIndex(number)
    memory = library.nvmlDeviceGetMemoryInfo(handle)
    capability = _asked(library, lambda: library.nvmlDeviceGetCudaComputeCapability(handle))
    return Card(
        name=library.nvmlDeviceGetName(handle),
        total=int(memory.total),
        free=int(memory.free),
        capability=None if capability is None else (int(capability[0]), int(capability[1])),
        compute_mode=_asked(library, lambda: library.nvmlDeviceGetComputeMode(handle)),
        holders=_holders(library, handle),
        slows_at_c=_asked(
            library, lambda: library.nvmlDeviceGetTemperatureThreshold(handle, _SLOWDOWN)
        ),
    )


def _holders(library: Library, handle: object) -> tuple[Holder, ...]:
    computing = _asked(library, lambda: library.nvmlDeviceGetComputeRunningProcesses(handle))
    drawing = _asked(library, lambda: library.nvmlDeviceGetGraphicsRunningProcesses(handle))
    # A program that computes and draws is told twice, with the same memory.
    by_pid = {one.pid: one for one in (*(computing or ()), *(drawing or ()))}
    return tuple(Holder(pid, _name_of(pid), one.usedGpuMemory) for pid, one in by_pid.items())


def _name_of(pid: int) -> str:
    """The driver counts processes as the host does; in a container that number is another's."""
    with suppress(OSError):
        if _NAMESPACE.readlink().name != _OF_THE_HOST:
            return ""
        return Path(f"/proc/{pid}/comm").read_text(errors="replace").strip()
    return ""


def _asked(library: Library, question: Callable[[], _Told]) -> _Told | None:
    """Not every card and driver knows every question."""
    with suppress(library.NVMLError):
        return question()
    return None


if __name__ == "__main__":
    tell(look)
