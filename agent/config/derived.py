"""What follows from the settings and the box together."""

from collections.abc import Collection, Mapping
from pathlib import Path

from agent.config.amounts import quota_of
from agent.config.content_types import by_capability, known_content_types
from agent.config.hours import weekly_hours
from agent.config.settings import Settings
from agent.core.quota import Quotas
from agent.core.schedule import Schedule
from agent.model.hardware import Hardware
from agent.model.work import PipelineSettings

MEMORY_PER_SLOT = 4 * 10**9
"""Bytes that a transcription on the processor may need at its peak."""

_NO_GPU = ("", "-1", "NoDevFiles")


def capability_on(settings: Settings, hardware: Hardware) -> str:
    """gpu, cpu or hybrid. Without a GPU `auto` is hybrid: such a box computes what it can."""
    if settings.capability != "auto":
        return settings.capability
    return "gpu" if settings.gpu and hardware.gpus else "hybrid"


def wanted_types(settings: Settings, hardware: Hardware | None = None) -> tuple[str, ...]:
    """The content types that this agent is for, whether their pipelines are installed or not.

    Without `hardware`, all that some box with these settings would take.
    """
    chosen = settings.capability if hardware is None else capability_on(settings, hardware)
    return settings.content_types or by_capability(chosen)


def announced_types(
    settings: Settings, hardware: Hardware, possible: Collection[str]
) -> tuple[str, ...]:
    """The content types that hello tells: wanted, and among those that this box can compute."""
    return tuple(name for name in wanted_types(settings, hardware) if name in possible)


def types_told(settings: Settings, hardware: Hardware, possible: Collection[str]) -> dict[str, str]:
    """What is taken, what cannot be, and how to take more where only the capability stops it."""
    taken = announced_types(settings, hardware, possible)
    told = {"capability": capability_on(settings, hardware), "takes": ",".join(taken)}
    missing = [name for name in wanted_types(settings, hardware) if name not in possible]
    if missing:
        told["cannot_take"] = ",".join(missing)
    able = [name for name in known_content_types if name in possible]
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


def ledger_file(settings: Settings) -> Path:
    """Beside the spool and named after it: agents that share a folder have one each."""
    return settings.ledger_file or settings.spool.with_name(f"{settings.spool.name}.ledger")


def pipeline_settings(settings: Settings) -> PipelineSettings:
    """What the children are told."""
    return PipelineSettings(
        engine=settings.engine,
        device=_device(settings),
        model=settings.whisper_model,
        models_folder=_path(settings.models_folder),
        language=settings.language,
        threads=settings.threads,
        allow_download=settings.allow_download,
        offline=settings.offline,
        batch_size=settings.batch_size,
        diarization=settings.diarization,
        pyannote_model=settings.pyannote_model,
        topics=settings.topics,
        gpu_memory_limit_gb=settings.gpu_memory_limit_gb,
        idle_unload_min=settings.idle_unload_min,
        gpu_video_decoding=settings.gpu and settings.gpu_video_decoding,
        thumbnail_quality=settings.thumbnail_quality,
        max_megapixels=settings.max_megapixels,
        caption_model=_path(settings.caption_model),
        embedding_model=_path(settings.embedding_model),
        allow_web_fetch=settings.allow_web_fetch,
        allow_private_addresses=settings.allow_private_addresses,
        sandbox=settings.sandbox,
    )


def _device(settings: Settings) -> str:
    """A GPU that is required is not replaced by the processor behind its owner's back."""
    if settings.device != "auto":
        return settings.device
    if not settings.gpu:
        return "cpu"
    return "cuda" if settings.gpu_require else "auto"


def hides_gpus(environ: Mapping[str, str]) -> bool:
    """CUDA takes the GPUs named before the first that is none; the driver tells of them all."""
    visible = environ.get("CUDA_VISIBLE_DEVICES")
    return visible is not None and visible.split(",")[0].strip() in _NO_GPU


def schedule_of(settings: Settings) -> Schedule:
    return Schedule(
        compute=weekly_hours(settings.compute_hours),
        network=weekly_hours(settings.network_hours),
        quiet=weekly_hours(settings.quiet_hours),
    )


def quotas_of(settings: Settings) -> Quotas:
    return Quotas(daily=quota_of(settings.quota_daily), monthly=quota_of(settings.quota_monthly))


def _path(path: Path | None) -> str | None:
    return None if path is None else str(path)
