"""Reads one GPU: whatever it tells, and None for the rest."""

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import PurePath

from agent.edges.nvml_library import Library, ProcessInfo, ProcessSample, kind_of, told
from agent.model.gpu_state import Draw, GpuProcess, GpuState, Load, ProcessKind
from agent.model.ids import Bytes

_THROTTLING: Mapping[int, str] = {
    0x04: "power limit",
    0x08: "hardware slowdown",
    0x20: "heat",
    0x40: "heat (hardware)",
    0x80: "power brake",
}
"""The bits of the driver's clock reasons that slow work down; idle clocks and the owner's own
settings are not among them."""

NameOf = Callable[[int], str | None]


@dataclass(frozen=True, slots=True)
class _Use:
    """What one process has used since the last look."""

    compute_percent: int
    encoder_percent: int


class Reader:
    """Reads GPUs; remembers up to when it has heard of the use that each process makes."""

    def __init__(self, library: Library, name_of: NameOf) -> None:
        self._library = library
        self._name_of = name_of
        self._heard: dict[str, int] = {}
        """The last sample of each GPU, in the driver's own time."""

    def read(self, index: int, handle: object) -> GpuState:
        """Raises the library's error where the GPU is gone."""
        library = self._library
        uuid = library.nvmlDeviceGetUUID(handle)
        name = library.nvmlDeviceGetName(handle)
        memory = _memory(library, handle)
        reasons = told(
            library,
            lambda: library.nvmlDeviceGetCurrentClocksEventReasons(handle),
            lambda: library.nvmlDeviceGetCurrentClocksThrottleReasons(handle),
        )
        sensor = library.NVML_TEMPERATURE_GPU
        return GpuState(
            index=index,
            uuid=uuid,
            name=name,
            memory=None if memory is None else memory[0],
            used=None if memory is None else memory[1],
            load=_load(library, handle),
            temperature_c=told(
                library,
                lambda: library.nvmlDeviceGetTemperature(handle, sensor),
                lambda: library.nvmlDeviceGetTemperatureV(handle, sensor),
            ),
            draw=_draw(library, handle),
            throttling=tuple(word for bit, word in _THROTTLING.items() if (reasons or 0) & bit),
            processes=self._processes(uuid, handle),
        )

    def _processes(self, uuid: str, handle: object) -> tuple[GpuProcess, ...] | None:
        library = self._library
        compute = told(library, lambda: library.nvmlDeviceGetComputeRunningProcesses(handle))
        graphics = told(library, lambda: library.nvmlDeviceGetGraphicsRunningProcesses(handle))
        if compute is None and graphics is None:
            return None
        uses = self._uses(uuid, handle)
        by_kind = {
            ProcessKind.COMPUTE: {one.pid: one for one in compute or ()},
            ProcessKind.GRAPHICS: {one.pid: one for one in graphics or ()},
        }
        pids = dict.fromkeys(pid for listed in by_kind.values() for pid in listed)
        return tuple(self._process(pid, by_kind, uses) for pid in pids)

    def _process(
        self,
        pid: int,
        by_kind: Mapping[ProcessKind, Mapping[int, ProcessInfo]],
        uses: Mapping[int, _Use] | None,
    ) -> GpuProcess:
        kinds = [kind for kind, listed in by_kind.items() if pid in listed]
        memory = [by_kind[kind][pid].usedGpuMemory for kind in kinds]
        largest = max((one for one in memory if one is not None), default=None)
        use = None if uses is None else uses.get(pid, _Use(0, 0))
        return GpuProcess(
            pid=pid,
            kind=kinds[0] if len(kinds) == 1 else ProcessKind.BOTH,
            name=self._name_of(pid) or self._name_by_driver(pid),
            memory=None if largest is None else Bytes(largest),
            compute_percent=None if use is None else use.compute_percent,
            encoder_percent=None if use is None else use.encoder_percent,
        )

    def _name_by_driver(self, pid: int) -> str | None:
        path = told(self._library, lambda: self._library.nvmlSystemGetProcessName(pid))
        return PurePath(path.replace("\\", "/")).name or None if path else None

    def _uses(self, uuid: str, handle: object) -> Mapping[int, _Use] | None:
        """By process; None where the driver does not tell."""
        library, since = self._library, self._heard.get(uuid, 0)

        def ask() -> Sequence[ProcessSample]:
            try:
                return library.nvmlDeviceGetProcessUtilization(handle, since)
            except library.NVMLError as error:
                if kind_of(error) == "NVMLError_NotFound":  # nobody has used it since
                    return ()
                raise

        samples = told(library, ask)
        if samples is None:
            return None
        fresh = [sample for sample in samples if sample.timeStamp > since]
        self._heard[uuid] = max((sample.timeStamp for sample in fresh), default=since)
        by_pid: dict[int, list[ProcessSample]] = defaultdict(list)
        for sample in fresh:
            by_pid[sample.pid].append(sample)
        return {pid: _mean(listed) for pid, listed in by_pid.items()}


def _mean(samples: Sequence[ProcessSample]) -> _Use:
    return _Use(
        compute_percent=round(sum(sample.smUtil for sample in samples) / len(samples)),
        encoder_percent=round(sum(sample.encUtil for sample in samples) / len(samples)),
    )


def _memory(library: Library, handle: object) -> tuple[Bytes, Bytes] | None:
    """All and used. An unknown error here is a GPU that is gone: every card tells its memory."""
    try:
        memory = library.nvmlDeviceGetMemoryInfo(handle)
    except library.NVMLError as error:
        if kind_of(error) in {"NVMLError_NotSupported", "NVMLError_NoPermission"}:
            return None
        raise
    return Bytes(memory.total), Bytes(memory.used)


def _load(library: Library, handle: object) -> Load:
    encoder = told(library, lambda: library.nvmlDeviceGetEncoderUtilization(handle))
    decoder = told(library, lambda: library.nvmlDeviceGetDecoderUtilization(handle))
    return Load(
        compute=told(library, lambda: library.nvmlDeviceGetUtilizationRates(handle).gpu),
        encoder=None if encoder is None else encoder[0],
        decoder=None if decoder is None else decoder[0],
    )


def _draw(library: Library, handle: object) -> Draw:
    """The library tells thousandths."""
    return Draw(
        watts=_thousandths(told(library, lambda: library.nvmlDeviceGetPowerUsage(handle))),
        limit_watts=_thousandths(
            told(library, lambda: library.nvmlDeviceGetEnforcedPowerLimit(handle))
        ),
        joules=_thousandths(
            told(library, lambda: library.nvmlDeviceGetTotalEnergyConsumption(handle))
        ),
    )


def _thousandths(value: int | None) -> float | None:
    return None if value is None else value / 1000.0
