"""What follows from the settings and the box together."""

from agent.config.content_types import CONTENT_TYPES, by_capability, with_pipelines
from agent.config.settings import Settings
from agent.model.hardware import Hardware
from agent.model.work import PipelineSettings

MEMORY_PER_SLOT = 4 * 10**9
"""Bytes that a transcription on the processor may need at its peak."""


def capability_on(settings: Settings, hardware: Hardware) -> str:
    """gpu, cpu or hybrid. Without a GPU `auto` is hybrid: such a box computes what it can."""
    if settings.capability != "auto":
        return settings.capability
    return "gpu" if settings.gpu and hardware.gpus else "hybrid"


def announced_types(settings: Settings, hardware: Hardware | None = None) -> tuple[str, ...]:
    """The content types that hello tells: wanted, and with a pipeline.

    Without `hardware`, all that some box with these settings would tell.
    """
    chosen = settings.capability if hardware is None else capability_on(settings, hardware)
    return with_pipelines(settings.content_types or by_capability(chosen))


def types_told(settings: Settings, hardware: Hardware) -> dict[str, str]:
    """What is taken, and how to take more where only the capability leaves something out."""
    taken = announced_types(settings, hardware)
    told = {"capability": capability_on(settings, hardware), "takes": ",".join(taken)}
    able = with_pipelines(tuple(CONTENT_TYPES))
    left = [name for name in able if name not in taken]
    if settings.content_types is None and left:
        told["leaves_out"] = ",".join(left)
        told["to_take_all"] = f"--content-types {','.join(able)}"
    return told


def slots_on(settings: Settings, hardware: Hardware) -> int:
    """One for each GPU; without one, two where both find their memory."""
    if settings.slots is not None:
        return settings.slots
    if settings.gpu and hardware.gpus:
        return len(hardware.gpus)
    return 2 if hardware.memory >= 2 * MEMORY_PER_SLOT else 1


def pipeline_settings(settings: Settings) -> PipelineSettings:
    """What the children are told."""
    device = "cpu" if not settings.gpu and settings.device == "auto" else settings.device
    return PipelineSettings(
        engine=settings.engine,
        device=device,
        model=settings.whisper_model,
        models_folder=str(settings.models_folder) if settings.models_folder else None,
        threads=settings.threads,
        allow_download=settings.allow_download,
    )
