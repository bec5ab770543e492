"""`pynvml` as far as we use it, and what its errors mean."""

from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Protocol, TypeVar, cast

T = TypeVar("T")

_LOSS = {
    "NVMLError_GpuIsLost",
    "NVMLError_Uninitialized",
    "NVMLError_DriverNotLoaded",
    "NVMLError_LibRmVersionMismatch",
    "NVMLError_ResetRequired",
}
"""After these no further question is answered either. `Unknown` is not among them: some cards say
it to a question that they merely do not support."""


class MemoryInfo(Protocol):
    @property
    def total(self) -> int: ...

    @property
    def used(self) -> int: ...


class Utilization(Protocol):
    @property
    def gpu(self) -> int: ...


class ProcessInfo(Protocol):
    @property
    def pid(self) -> int: ...

    @property
    def usedGpuMemory(self) -> int | None: ...  # noqa: N802 (the library's own names)


class ProcessSample(Protocol):
    @property
    def pid(self) -> int: ...

    @property
    def timeStamp(self) -> int: ...  # noqa: N802

    @property
    def smUtil(self) -> int: ...  # noqa: N802

    @property
    def encUtil(self) -> int: ...  # noqa: N802


class Library(Protocol):
    """The part of `pynvml` that we use."""

    @property
    def NVML_TEMPERATURE_GPU(self) -> int: ...  # noqa: N802

    @property
    def NVMLError(self) -> type[Exception]: ...  # noqa: N802

    def nvmlInit(self) -> object: ...  # noqa: N802
    def nvmlShutdown(self) -> object: ...  # noqa: N802
    def nvmlSystemGetDriverVersion(self) -> str: ...  # noqa: N802
    def nvmlSystemGetProcessName(self, _pid: int, /) -> str: ...  # noqa: N802
    def nvmlDeviceGetCount(self) -> int: ...  # noqa: N802
    def nvmlDeviceGetHandleByIndex(self, _index: int, /) -> object: ...  # noqa: N802
    def nvmlDeviceGetUUID(self, handle: object) -> str: ...  # noqa: N802
    def nvmlDeviceGetName(self, handle: object) -> str: ...  # noqa: N802
    def nvmlDeviceGetMemoryInfo(self, handle: object) -> MemoryInfo: ...  # noqa: N802
    def nvmlDeviceGetUtilizationRates(self, handle: object) -> Utilization: ...  # noqa: N802
    def nvmlDeviceGetEncoderUtilization(self, handle: object) -> Sequence[int]: ...  # noqa: N802
    def nvmlDeviceGetDecoderUtilization(self, handle: object) -> Sequence[int]: ...  # noqa: N802
    def nvmlDeviceGetTemperature(self, handle: object, sensor: int) -> int: ...  # noqa: N802
    def nvmlDeviceGetTemperatureV(self, handle: object, sensor: int) -> int: ...  # noqa: N802
    def nvmlDeviceGetPowerUsage(self, handle: object) -> int: ...  # noqa: N802
    def nvmlDeviceGetEnforcedPowerLimit(self, handle: object) -> int: ...  # noqa: N802
    def nvmlDeviceGetTotalEnergyConsumption(self, handle: object) -> int: ...  # noqa: N802
    def nvmlDeviceGetCurrentClocksEventReasons(self, handle: object) -> int: ...  # noqa: N802
    def nvmlDeviceGetCurrentClocksThrottleReasons(self, handle: object) -> int: ...  # noqa: N802
    def nvmlDeviceGetComputeRunningProcesses(  # noqa: N802
        self, handle: object
    ) -> Sequence[ProcessInfo]: ...
    def nvmlDeviceGetGraphicsRunningProcesses(  # noqa: N802
        self, handle: object
    ) -> Sequence[ProcessInfo]: ...
    def nvmlDeviceGetProcessUtilization(  # noqa: N802
        self,
        handle: object,
        timeStamp: int,  # noqa: N803
    ) -> Sequence[ProcessSample]: ...


def installed_library() -> Library:
    """`pynvml`, imported only where somebody asks for GPUs."""
    import pynvml

    return cast("Library", pynvml)


def told(library: Library, *questions: Callable[[], T]) -> T | None:
    """The first answer, or None: cards, MIG slices, WSL2 and drivers differ in what they support.

    What says that the GPU is gone is raised.
    """
    for question in questions:
        # AttributeError: the installed package is older, or newer, than the question.
        with suppress(AttributeError):
            try:
                return question()
            except library.NVMLError as error:
                if is_loss(error):
                    raise
    return None


def is_loss(error: Exception) -> bool:
    """Whether the GPU or its driver is gone; NVML makes its kinds of errors on the fly."""
    return kind_of(error) in _LOSS


def kind_of(error: Exception) -> str:
    """The names of the library's errors are all that there is to go by."""
    return type(error).__name__
