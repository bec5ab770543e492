"""The children that compute, and the GPU that each of them sees."""

import sys
from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import replace

import structlog

from agent.compose.patience import after_the_first_poll
from agent.config import Settings, pipeline_settings
from agent.edges.child import ChildLostError
from agent.edges.children import ChildPool
from agent.edges.meter import Meter
from agent.edges.place import Limits
from agent.model.gpu_state import GpuState
from agent.model.hardware import Hardware
from agent.model.ids import Seconds
from agent.model.work import PipelineSettings
from agent.ports import Introduction
from agent.runtime.agent import Agent

CHILD = (sys.executable, "-m", "agent.pipelines.child")


def pool_of(
    settings: Settings,
    environ: Mapping[str, str],
    devices: Sequence[str | None],
    meter: Meter | None = None,
) -> ChildPool:
    limits = Limits(jobs=settings.jobs_per_child, stall=Seconds(settings.stall_limit_s))
    each = per_child(pipeline_settings(settings), devices)
    return ChildPool(CHILD, each, environ, devices, limits, meter=meter)


def per_child(settings: PipelineSettings, devices: Sequence[str | None]) -> PipelineSettings:
    """The owner limits what the agent takes of a GPU; children on one GPU share that."""
    limit = settings.gpu_memory_limit_gb
    if limit is None or not devices:
        return settings
    sharers = max(Counter(devices).values())
    return replace(settings, gpu_memory_limit_gb=limit / sharers)


def devices_for(
    who: Introduction, hardware: Hardware, environ: Mapping[str, str]
) -> tuple[str | None, ...]:
    return devices_of(who.slots, len(hardware.gpus), environ.get("CUDA_VISIBLE_DEVICES"))


def devices_of(slots: int, gpus: int, visible: str | None = None) -> tuple[str | None, ...]:
    """The GPU for each slot's child, in turn; None where there is none to pin it to.

    `visible` is the owner's own CUDA_VISIBLE_DEVICES: no child gets a GPU that it leaves out.
    """
    if visible is None:
        names = [str(gpu) for gpu in range(gpus)]
    else:
        names = [name.strip() for name in visible.split(",") if name.strip()]
    return tuple(names[slot % len(names)] if names else None for slot in range(slots))


def names_by_uuid(gpus: Iterable[GpuState], devices: Collection[str | None]) -> dict[str, str]:
    """How `devices_of` calls the GPUs: by number, or as the owner's CUDA_VISIBLE_DEVICES does."""
    names = {name for name in devices if name is not None}
    return {
        gpu.uuid: name
        for gpu in gpus
        for name in names
        if name == str(gpu.index) or (not name.isdecimal() and gpu.uuid.startswith(name))
    }


async def warm(pool: ChildPool, agent: Agent) -> None:
    await after_the_first_poll(agent)
    try:
        await pool.start()
    except ChildLostError as error:
        # The first job will try again, and fail with this reason if it must.
        structlog.get_logger(__name__).error("child.not_started", reason=str(error))
