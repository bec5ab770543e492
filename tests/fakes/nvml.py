"""`pynvml` as far as the agent uses it: cards and their faults are data."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import NoReturn

from agent.edges.nvml import Nvml
from agent.edges.surroundings import Surroundings

MB = 10**6
NOT_A_BOX = Surroundings(Path("/nonexistent"))
"""Neither container nor card, on whatever machine the tests run; the driver's pids mean nothing."""


class NvmlError(Exception):
    """The root of the library's errors."""


class NVMLError_LibraryNotFound(NvmlError):  # noqa: N801, N818 (the library's own name)
    """No driver on this box."""


class NVMLError_DriverNotLoaded(NvmlError):  # noqa: N801, N818
    """There is a library, and no module in the kernel."""


class NVMLError_LibRmVersionMismatch(NvmlError):  # noqa: N801, N818
    """An update replaced the library under the driver that runs."""


class NVMLError_GpuIsLost(NvmlError):  # noqa: N801, N818
    """It fell off the bus."""


class NVMLError_Unknown(NvmlError):  # noqa: N801, N818
    """What `nvidia-smi` tells as "unable to determine the device handle"."""


class NVMLError_NotSupported(NvmlError):  # noqa: N801, N818
    """This card does not tell."""


class NVMLError_NotFound(NvmlError):  # noqa: N801, N818
    """Nothing new."""


ERRORS = {
    kind.__name__.removeprefix("NVMLError_"): kind
    for kind in (
        NVMLError_LibraryNotFound,
        NVMLError_DriverNotLoaded,
        NVMLError_LibRmVersionMismatch,
        NVMLError_GpuIsLost,
        NVMLError_Unknown,
        NVMLError_NotSupported,
        NVMLError_NotFound,
    )
}


@dataclass(frozen=True, slots=True)
class MemoryInfo:
    total: int
    used: int


@dataclass(frozen=True, slots=True)
class Utilization:
    gpu: int


@dataclass(frozen=True, slots=True)
class Process:
    """On a card: `kind` is C, G or C+G, as `nvidia-smi` writes it."""

    pid: int
    name: str | None = None
    memory: int | None = 200 * MB
    kind: str = "C"
    compute: int = 0
    encoder: int = 0


@dataclass(frozen=True, slots=True)
class _Listed:
    pid: int
    usedGpuMemory: int | None  # noqa: N815 (the library's own names)


@dataclass(frozen=True, slots=True)
class _Sample:
    pid: int
    timeStamp: int  # noqa: N815
    smUtil: int  # noqa: N815
    encUtil: int  # noqa: N815


@dataclass(frozen=True, slots=True)
class Card:
    """None: the card does not support the question."""

    name: str = "NVIDIA GeForce RTX 3090"
    memory: MemoryInfo | None = MemoryInfo(total=24 * 2**30, used=2**30)
    utilization: int | None = 42
    temperature: int | None = 61
    uuid: str = "GPU-0"
    encoder: int | None = 0
    decoder: int | None = 0
    milliwatts: int | None = 120_500
    limit: int | None = 350_000
    millijoules: int | None = 5_000_000
    reasons: int | None = 0
    processes: tuple[Process, ...] | None = ()
    tells_use_of_each: bool = True
    lost: type[NvmlError] | None = None
    """What every question about it meets."""


@dataclass
class FakeNvml:
    """One box: its cards, or the reason why its driver does not answer."""

    cards: Sequence[Card] = ()
    broken: NvmlError | None = None
    driver: str = "550.54"
    inits: int = 0
    shutdowns: int = 0
    clock: int = 1_000
    """Of the driver's own samples."""
    asked: Callable[[], None] = field(default=lambda: None)
    """Called by every look at the number of cards: a driver may hang there."""

    NVML_TEMPERATURE_GPU = 0
    NVMLError: type[Exception] = field(default=NvmlError, init=False)

    def nvmlInit(self) -> None:  # noqa: N802
        self.inits += 1
        self._answer()

    def nvmlShutdown(self) -> None:  # noqa: N802
        self.shutdowns += 1

    def nvmlSystemGetDriverVersion(self) -> str:  # noqa: N802
        return self.driver

    def nvmlSystemGetProcessName(self, pid: int) -> str:  # noqa: N802
        for card in self.cards:
            for process in card.processes or ():
                if process.pid == pid and process.name is not None:
                    return f"/usr/bin/{process.name}"
        raise NVMLError_NotFound("Not Found")

    def nvmlDeviceGetCount(self) -> int:  # noqa: N802
        self.asked()
        self._answer()
        return len(self.cards)

    def nvmlDeviceGetHandleByIndex(self, index: int) -> object:  # noqa: N802
        self._card(index)
        return index

    def nvmlDeviceGetUUID(self, handle: object) -> str:  # noqa: N802
        return self._card(handle).uuid

    def nvmlDeviceGetName(self, handle: object) -> str:  # noqa: N802
        return self._card(handle).name

    def nvmlDeviceGetMemoryInfo(self, handle: object) -> MemoryInfo:  # noqa: N802
        memory = self._card(handle).memory
        return memory if memory is not None else _unsupported()

    def nvmlDeviceGetUtilizationRates(self, handle: object) -> Utilization:  # noqa: N802
        return Utilization(_told(self._card(handle).utilization))

    def nvmlDeviceGetEncoderUtilization(self, handle: object) -> list[int]:  # noqa: N802
        return [_told(self._card(handle).encoder), 167_000]

    def nvmlDeviceGetDecoderUtilization(self, handle: object) -> list[int]:  # noqa: N802
        return [_told(self._card(handle).decoder), 167_000]

    def nvmlDeviceGetTemperature(self, handle: object, sensor: int) -> int:  # noqa: N802
        assert sensor == self.NVML_TEMPERATURE_GPU
        return _told(self._card(handle).temperature)

    def nvmlDeviceGetTemperatureV(self, handle: object, sensor: int) -> int:  # noqa: N802
        return self.nvmlDeviceGetTemperature(handle, sensor)

    def nvmlDeviceGetPowerUsage(self, handle: object) -> int:  # noqa: N802
        return _told(self._card(handle).milliwatts)

    def nvmlDeviceGetEnforcedPowerLimit(self, handle: object) -> int:  # noqa: N802
        return _told(self._card(handle).limit)

    def nvmlDeviceGetTotalEnergyConsumption(self, handle: object) -> int:  # noqa: N802
        return _told(self._card(handle).millijoules)

    def nvmlDeviceGetCurrentClocksEventReasons(self, handle: object) -> int:  # noqa: N802
        return _told(self._card(handle).reasons)

    def nvmlDeviceGetCurrentClocksThrottleReasons(self, handle: object) -> int:  # noqa: N802
        return _told(self._card(handle).reasons)

    def nvmlDeviceGetComputeRunningProcesses(self, handle: object) -> list[_Listed]:  # noqa: N802
        return self._listed(handle, "C")

    def nvmlDeviceGetGraphicsRunningProcesses(self, handle: object) -> list[_Listed]:  # noqa: N802
        return self._listed(handle, "G")

    def nvmlDeviceGetProcessUtilization(  # noqa: N802
        self, handle: object, since: int
    ) -> list[_Sample]:
        card = self._card(handle)
        if not card.tells_use_of_each:
            _unsupported()
        self.clock += 1_000
        samples = [
            _Sample(one.pid, self.clock, one.compute, one.encoder)
            for one in card.processes or ()
            if one.compute or one.encoder
        ]
        if not samples or since >= self.clock:
            raise NVMLError_NotFound("Not Found")
        return samples

    def _listed(self, handle: object, kind: str) -> list[_Listed]:
        processes = self._card(handle).processes
        if processes is None:
            _unsupported()
        return [_Listed(one.pid, one.memory) for one in processes if kind in one.kind]

    def _card(self, handle: object) -> Card:
        assert isinstance(handle, int)
        card = self.cards[handle]
        if card.lost is not None:
            raise card.lost(card.lost.__name__.removeprefix("NVMLError_"))
        return card

    def _answer(self) -> None:
        if self.broken is not None:
            raise self.broken


def seen_by(
    library: FakeNvml,
    surroundings: Surroundings = NOT_A_BOX,
    now: Callable[[], float] = lambda: 0.0,
) -> Nvml:
    """The real edge over that library, wherever the tests run."""
    return Nvml(lambda: library, surroundings=surroundings, now=now)


def _told(value: int | None) -> int:
    return value if value is not None else _unsupported()


def _unsupported() -> NoReturn:
    raise NVMLError_NotSupported("Not Supported")
