"""NVIDIA GPUs as the driver describes them; a box without a driver has none, and says why."""

from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import Protocol, cast

from agent.model.hardware import Gpu
from agent.model.ids import Bytes, JsonObject, JsonValue


class MemoryInfo(Protocol):
    @property
    def total(self) -> int: ...

    @property
    def used(self) -> int: ...


class Utilization(Protocol):
    @property
    def gpu(self) -> int: ...


class Library(Protocol):
    """The part of `pynvml` that we use."""

    @property
    def NVML_TEMPERATURE_GPU(self) -> int: ...  # noqa: N802 (the library's own names)

    @property
    def NVMLError(self) -> type[Exception]: ...  # noqa: N802

    def nvmlInit(self) -> object: ...  # noqa: N802
    def nvmlSystemGetDriverVersion(self) -> str: ...  # noqa: N802
    def nvmlDeviceGetCount(self) -> int: ...  # noqa: N802
    def nvmlDeviceGetHandleByIndex(self, _index: int, /) -> object: ...  # noqa: N802
    def nvmlDeviceGetName(self, handle: object) -> str: ...  # noqa: N802
    def nvmlDeviceGetMemoryInfo(self, handle: object) -> MemoryInfo: ...  # noqa: N802
    def nvmlDeviceGetUtilizationRates(self, handle: object) -> Utilization: ...  # noqa: N802
    def nvmlDeviceGetTemperature(self, handle: object, sensor: int) -> int: ...  # noqa: N802


def installed_library() -> Library:
    """`pynvml`, imported only where somebody asks for GPUs."""
    import pynvml

    return cast("Library", pynvml)


@dataclass(frozen=True, slots=True)
class Sight:
    """What can be seen of the GPUs."""

    gpus: tuple[Gpu, ...]
    reason: str | None = None
    """Why there are none, in one sentence."""


class Nvml:
    """Opens the driver once and keeps it open: opening costs more than asking."""

    def __init__(self, load: Callable[[], Library] = installed_library) -> None:
        self._load = load
        self._library: Library | None = None
        self._handles: tuple[object, ...] = ()

    def look(self) -> Sight:
        try:
            library = self._library or self._load()
        except ImportError:
            return Sight((), "the package nvidia-ml-py is not installed")
        try:
            self._open(library)
            driver = library.nvmlSystemGetDriverVersion()
            gpus = tuple(_gpu(library, handle, driver) for handle in self._handles)
        except library.NVMLError as error:
            return Sight((), _why(error))
        return Sight(gpus, None if gpus else "the NVIDIA driver is there and sees no GPU")

    def readings(self) -> list[JsonValue]:
        """How each GPU is doing; what a card does not tell is left out."""
        library = self._library
        return [_reading(library, handle) for handle in self._handles] if library else []

    def _open(self, library: Library) -> None:
        if self._library is None:
            library.nvmlInit()
            count = library.nvmlDeviceGetCount()
            self._handles = tuple(library.nvmlDeviceGetHandleByIndex(i) for i in range(count))
            self._library = library


def _gpu(library: Library, handle: object, driver: str) -> Gpu:
    memory = Bytes(library.nvmlDeviceGetMemoryInfo(handle).total)
    return Gpu(name=library.nvmlDeviceGetName(handle), memory=memory, driver=driver)


def _reading(library: Library, handle: object) -> JsonObject:
    def memory() -> JsonObject:
        told = library.nvmlDeviceGetMemoryInfo(handle)
        return {"memory_used_bytes": told.used, "memory_total_bytes": told.total}

    def utilisation() -> JsonObject:
        return {"utilisation_percent": library.nvmlDeviceGetUtilizationRates(handle).gpu}

    def temperature() -> JsonObject:
        sensor = library.NVML_TEMPERATURE_GPU
        return {"temperature_c": library.nvmlDeviceGetTemperature(handle, sensor)}

    reading: JsonObject = {}
    for ask in (memory, utilisation, temperature):
        # Consumer cards and MIG slices do not support every question.
        with suppress(library.NVMLError):
            reading |= ask()
    return reading


def _why(error: Exception) -> str:
    """NVML's own kinds of errors are made on the fly; their names are all there is to go by."""
    match type(error).__name__:
        case "NVMLError_LibraryNotFound" | "NVMLError_DriverNotLoaded":
            return f"no NVIDIA driver is loaded ({error})"
        case _:
            return f"the NVIDIA driver does not answer ({error})"
