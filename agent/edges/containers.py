"""What to say where a container was started without the GPU that it was meant to have."""

from collections.abc import Mapping

from agent.edges.surroundings import Engine

_HOW: Mapping[Engine, str] = {
    "podman": "--device nvidia.com/gpu=all (podman before 5 ignores --gpus silently)",
    "docker": "--gpus all (in a compose file: deploy.resources.reservations.devices)",
    "other": "the NVIDIA runtime or a CDI device (nvidia.com/gpu=all)",
}


def started_without_gpu(engine: Engine | None) -> str | None:
    """The sentence about a container that wanted a GPU and sees none; None outside of any.

    The engines do not say so themselves: podman before 5 takes `--gpus` and does nothing.
    """
    if engine is None:
        return None
    return f"this container was started without a GPU: start it with {_HOW[engine]}"
