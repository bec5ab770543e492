"""What the container image says about itself; no owner sets it."""

from collections.abc import Mapping

from agent.config.settings import Settings

VARIANT_ENV = "MORAG_AGENT_VARIANT"


def wants_a_gpu(settings: Settings, environ: Mapping[str, str]) -> bool:
    """Should it be heard that there is none? Whoever runs the image for GPUs wants one, too."""
    if not settings.gpu:
        return False
    is_made_for_gpus = environ.get(VARIANT_ENV) == "cuda"
    is_asked_for = settings.capability == "gpu" or settings.device == "cuda"
    return settings.gpu_require or is_made_for_gpus or is_asked_for
