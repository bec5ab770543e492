"""What fits into a GPU's memory, and how many windows of speech at once.

The figures come from published measurements: where faster-whisper's float16 weights are 3.1 GB, it
takes 4.5 GB in all, and 0.2 to 0.3 GB more for each further window; with int8 weights, 2.9 GB.
openai-whisper keeps float32 weights, and its own table asks for 1 GB (tiny) to 10 GB (large).
"""

import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol, TypeAlias, cast

from agent.model.ids import Bytes
from agent.model.work import PipelineSettings
from agent.pipelines.errors import GpuUnavailableError

_GB = 10**9
_WORKING = Bytes(1_500_000_000)
"""Beside the weights: the driver's context, the library's buffers, one window with five beams."""
_KEPT_FREE = Bytes(_GB)
_WINDOW = Bytes(300_000_000)
_MOST_WINDOWS = 24
"""More gain nothing: measured flat from 16 on."""
_SHARE: Mapping[str, float] = {
    "float16": 1.0,
    "int8_float16": 0.5,
    "int8_float32": 0.5,
    "int8": 0.5,
    "float32": 2.0,
}
"""Of float16 weights, which is how models are stored."""
_OPENAI_WORKING = Bytes(700_000_000)
_OPENAI_SHARE = 3.0

Need: TypeAlias = Callable[[Bytes, str], Bytes]
"""GPU memory for weights of that size, computed with in that type."""


@dataclass(frozen=True, slots=True)
class Candidate:
    """A model that could be used, and how large its weights are."""

    name: str
    weights: Bytes


@dataclass(frozen=True, slots=True)
class Plan:
    candidate: Candidate
    compute_type: str


def faster_whisper_need(weights: Bytes, compute_type: str) -> Bytes:
    return Bytes(int(weights * _SHARE[compute_type]) + _WORKING)


def openai_whisper_need(weights: Bytes, _compute_type: str) -> Bytes:
    return Bytes(int(weights * _OPENAI_SHARE) + _OPENAI_WORKING)


def plan(
    candidates: Iterable[Candidate], types: Sequence[str], room: Bytes | None, need: Need
) -> Plan:
    """The first candidate that fits, in the first type in which it does.

    `room` is None where nothing limits us. Raises `GpuUnavailableError` where nothing fits.
    """
    smallest: tuple[Bytes, str] | None = None
    for candidate in candidates:
        for compute_type in types:
            needed = need(candidate.weights, compute_type)
            if room is None or needed <= room:
                return Plan(candidate, compute_type)
            smallest = min(smallest or (needed, candidate.name), (needed, candidate.name))
    raise _too_small(room or Bytes(0), *(smallest or (Bytes(0), "a model")))


def windows_at_once(room: Bytes | None, weights: Bytes, compute_type: str) -> int:
    """How many windows of 30 s a batch may hold; the most where nothing limits us."""
    if room is None:
        return _MOST_WINDOWS
    left = room - int(weights * _SHARE[compute_type]) - _KEPT_FREE
    return max(1, min(_MOST_WINDOWS, left // _WINDOW))


def _too_small(room: Bytes, needed: Bytes, name: str) -> GpuUnavailableError:
    return GpuUnavailableError(
        f"{name} needs {needed / _GB:.1f} GB of GPU memory and may take {room / _GB:.1f} GB:"
        " end what else uses the GPU, raise gpu.memory_limit_gb if it is set, or name a smaller"
        " model."
    )


class _MemoryInfo(Protocol):
    @property
    def free(self) -> int: ...


class Driver(Protocol):
    """The part of `pynvml` that we use."""

    @property
    def NVMLError(self) -> type[Exception]: ...  # noqa: N802 (the library's own names)

    def nvmlInit(self) -> object: ...  # noqa: N802
    def nvmlShutdown(self) -> object: ...  # noqa: N802
    def nvmlDeviceGetHandleByIndex(self, _index: int, /) -> object: ...  # noqa: N802
    def nvmlDeviceGetHandleByUUID(self, _uuid: str, /) -> object: ...  # noqa: N802
    def nvmlDeviceGetMemoryInfo(self, _handle: object, /) -> _MemoryInfo: ...  # noqa: N802


def installed_driver() -> Driver:
    import pynvml

    return cast("Driver", pynvml)


def room_for(
    settings: PipelineSettings,
    visible: str | None,
    load: Callable[[], Driver] = installed_driver,
) -> Bytes | None:
    """What this child may still take of its GPU; None where neither driver nor owner says.

    `visible` is CUDA_VISIBLE_DEVICES: its first GPU is the one that libraries take.
    """
    free = _free(visible, load)
    limit = settings.gpu_memory_limit_gb
    if limit is None:
        return free
    allowed = Bytes(max(0, int(limit * _GB) - _held_by_torch()))
    return allowed if free is None else min(free, allowed)


def _held_by_torch() -> int:
    """Other models of this child, such as the one that tells speakers apart."""
    torch = sys.modules.get("torch")
    if torch is None or not torch.cuda.is_initialized():
        return 0
    return int(torch.cuda.memory_reserved())


def _free(visible: str | None, load: Callable[[], Driver]) -> Bytes | None:
    try:
        driver = load()
    except ImportError:
        return None
    try:
        driver.nvmlInit()
        try:
            return Bytes(driver.nvmlDeviceGetMemoryInfo(_handle(driver, visible)).free)
        finally:
            driver.nvmlShutdown()
    except driver.NVMLError:
        return None


def _handle(driver: Driver, visible: str | None) -> object:
    first = (visible or "0").split(",")[0].strip()
    if first.isdecimal():
        return driver.nvmlDeviceGetHandleByIndex(int(first))
    return driver.nvmlDeviceGetHandleByUUID(first)


class TorchCuda(Protocol):
    """The part of `torch.cuda` that we use."""

    def mem_get_info(self) -> tuple[int, int]: ...
    def set_per_process_memory_fraction(self, _fraction: float, /) -> None: ...


def limit_torch(settings: PipelineSettings, cuda: TorchCuda) -> None:
    """From here on torch fails with out of memory before it takes more than the owner allows."""
    if settings.gpu_memory_limit_gb is not None:
        _, total = cuda.mem_get_info()
        cuda.set_per_process_memory_fraction(min(1.0, settings.gpu_memory_limit_gb * _GB / total))
