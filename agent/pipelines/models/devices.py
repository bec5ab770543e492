"""Where torch computes."""

from agent.pipelines.errors import GpuUnavailableError


def torch_device(wanted: str) -> str:
    """`wanted` is the settings' word: `auto`, `cuda` or `cpu`. Imports torch."""
    import torch

    has_gpu = wanted != "cpu" and bool(torch.cuda.is_available())
    if wanted == "cuda" and not has_gpu:
        raise GpuUnavailableError("the settings ask for cuda, but torch sees no GPU.")
    return "cuda" if has_gpu else "cpu"
