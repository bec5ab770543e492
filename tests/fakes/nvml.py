"""`pynvml` as far as the agent uses it: cards and their faults are data."""

from collections.abc import Sequence
from dataclasses import dataclass


class NvmlError(Exception):
    """The root of the library's errors."""


class NVMLError_LibraryNotFound(NvmlError):  # noqa: N801, N818 (the library's own name)
    """No driver on this box."""


@dataclass(frozen=True, slots=True)
class MemoryInfo:
    total: int
    used: int


@dataclass(frozen=True, slots=True)
class Utilization:
    gpu: int


@dataclass(frozen=True, slots=True)
class Card:
    name: str = "NVIDIA GeForce RTX 3090"
    memory: MemoryInfo = MemoryInfo(total=24 * 2**30, used=2**30)
    utilization: int | None = 42
    """None: the card does not support the question."""
    temperature: int | None = 61


class FakeNvml:
    """One box: its cards, or the reason why its driver does not answer."""

    NVML_TEMPERATURE_GPU = 0
    NVMLError: type[Exception] = NvmlError

    def __init__(
        self, cards: Sequence[Card] = (), *, broken: NvmlError | None = None, driver: str = "550.54"
    ) -> None:
        self.cards = list(cards)
        self.broken = broken
        self.driver = driver
        self.inits = 0

    def nvmlInit(self) -> None:  # noqa: N802
        self.inits += 1
        if self.broken is not None:
            raise self.broken

    def nvmlSystemGetDriverVersion(self) -> str:  # noqa: N802
        return self.driver

    def nvmlDeviceGetCount(self) -> int:  # noqa: N802
        return len(self.cards)

    def nvmlDeviceGetHandleByIndex(self, index: int) -> object:  # noqa: N802
        return index

    def nvmlDeviceGetName(self, handle: object) -> str:  # noqa: N802
        return self._card(handle).name

    def nvmlDeviceGetMemoryInfo(self, handle: object) -> MemoryInfo:  # noqa: N802
        return self._card(handle).memory

    def nvmlDeviceGetUtilizationRates(self, handle: object) -> Utilization:  # noqa: N802
        return Utilization(_told(self._card(handle).utilization))

    def nvmlDeviceGetTemperature(self, handle: object, sensor: int) -> int:  # noqa: N802
        assert sensor == self.NVML_TEMPERATURE_GPU
        return _told(self._card(handle).temperature)

    def _card(self, handle: object) -> Card:
        assert isinstance(handle, int)
        return self.cards[handle]


def _told(value: int | None) -> int:
    if value is None:
        raise NvmlError("Not Supported")
    return value
