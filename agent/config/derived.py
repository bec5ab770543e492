"""What follows from the settings and the box together."""

from agent.config.content_types import by_capability, with_pipelines
from agent.config.settings import Settings
from agent.model.hardware import Hardware
from agent.model.work import PipelineSettings

MEMORY_PER_SLOT = 4 * 10**9
"""Bytes that a transcription on the processor may need at its peak."""


def announced_types(settings: Settings) -> tuple[str, ...]:
    """The content types that hello tells: wanted, and with a pipeline."""
    return with_pipelines(settings.content_types or by_capability(settings.capability))


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
