"""What to say where a container was started without the GPU that it was meant to have."""

from collections.abc import Mapping

from agent.edges.surroundings import Engine

_HOW: Mapping[Engine, str] = {
    "podman": "--device nvidia.com/gpu=all (podman before 5 ignores --gpus silently)",
    "docker": "--gpus all (in a compose file: deploy.resources.reservations.devices)",
    "other": "the NVIDIA runtime or a CDI device (nvidia.com/gpu=all)",
}


def passed_no_gpu(engine: Engine) -> str:
    """The sentence about a container that sees no GPU.

    The engines do not say so themselves: podman before 5 takes `--gpus` and does nothing.
    """
    return f"no GPU was passed into this container: start it with {_HOW[engine]}"
