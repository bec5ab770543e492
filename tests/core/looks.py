"""Looks at a box, in few words."""

from agent.model.gpu_state import (
    Draw,
    GpuProcess,
    GpuSight,
    GpuState,
    HostState,
    Load,
    Look,
    Missing,
    ProcessKind,
    Trouble,
)
from agent.model.ids import Bytes, Seconds

GB = 10**9
AGENT = 100
"""The number of our own process on the GPU."""


def process(
    name: str | None,
    gb: float | None = 0.2,
    kind: ProcessKind = ProcessKind.GRAPHICS,
    *,
    pid: int | None = None,
    compute: int | None = None,
    encoder: int | None = None,
) -> GpuProcess:
    return GpuProcess(
        pid=sum(map(ord, name or "x")) + 1000 if pid is None else pid,
        kind=kind,
        name=name,
        memory=None if gb is None else Bytes(int(gb * GB)),
        compute_percent=compute,
        encoder_percent=encoder,
    )


def ours(gb: float | None = 4.0, compute: int | None = None) -> GpuProcess:
    return process("python", gb, ProcessKind.COMPUTE, pid=AGENT, compute=compute)


def gpu(
    *processes: GpuProcess,
    uuid: str = "GPU-A",
    index: int = 0,
    used_gb: float | None = None,
    load: Load = Load(),  # noqa: B008 - frozen
    is_listing: bool = True,
) -> GpuState:
    """24 GB, of which the driver keeps 0.5 for itself."""
    told = sum(one.memory or 0 for one in processes)
    return GpuState(
        index=index,
        uuid=uuid,
        name="RTX",
        memory=Bytes(24 * GB),
        used=Bytes(told + GB // 2 if used_gb is None else int(used_gb * GB)),
        load=load,
        temperature_c=50,
        draw=Draw(watts=30.0),
        processes=processes if is_listing else None,
    )


def look(
    *gpus: GpuState,
    missing: tuple[Missing, ...] = (),
    is_container: bool = False,
    programs: frozenset[str] = frozenset(),
    owner_idle: float | None = None,
    is_on_battery: bool | None = None,
) -> Look:
    return Look(
        sight=GpuSight(gpus, missing),
        host=HostState(
            owner_idle=None if owner_idle is None else Seconds(owner_idle),
            is_on_battery=is_on_battery,
            battery_percent=None if is_on_battery is None else 80,
        ),
        own_pids=frozenset() if is_container else frozenset({AGENT}),
        are_pids_ours_to_read=not is_container,
        programs=programs,
    )


BLIND = look(missing=(Missing(trouble=Trouble.SILENT, why="hangs"),))
