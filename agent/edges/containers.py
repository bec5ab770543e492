"""Whether this process runs in a container, and what to say when it was started without the GPU."""

from collections.abc import Mapping
from pathlib import Path
from typing import Literal, TypeAlias

Engine: TypeAlias = Literal["podman", "docker", "other"]

_ROOT = Path("/")
_HOW: Mapping[Engine, str] = {
    "podman": "--device nvidia.com/gpu=all (podman before 5 ignores --gpus silently)",
    "docker": "--gpus all (in a compose file: deploy.resources.reservations.devices)",
    "other": "the NVIDIA runtime or a CDI device (nvidia.com/gpu=all)",
}
_PODMAN, _DOCKER = Path("run/.containerenv"), Path(".dockerenv")


def engine_around(environ: Mapping[str, str], root: Path = _ROOT) -> Engine | None:
    """What made the container around this process; None outside of any.

    Podman marks a container by a file, but not a read-only one; that only has the variable.
    """
    if environ.get("container") == "podman" or (root / _PODMAN).exists():
        return "podman"
    if (root / _DOCKER).exists():
        return "docker"
    return "other" if environ.get("container") else None


def started_without_gpu(engine: Engine | None) -> str | None:
    """The sentence about a container that wanted a GPU and sees none; None outside of any.

    The engines do not say so themselves: podman before 5 takes `--gpus` and does nothing.
    """
    if engine is None:
        return None
    return f"this container was started without a GPU: start it with {_HOW[engine]}"
