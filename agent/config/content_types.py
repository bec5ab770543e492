"""The kinds of content there are, and which capability each is for."""

from collections.abc import Mapping

WANTS_GPU: Mapping[str, bool] = {
    "audio": True,
    "video": True,
    "image": True,
    "document": False,
    "web": False,
    "text": False,
}

known_content_types = tuple(WANTS_GPU)


def by_capability(capability: str) -> tuple[str, ...]:
    """What a box of this capability is for."""
    if capability not in {"gpu", "cpu"}:
        return known_content_types
    is_gpu = capability == "gpu"
    return tuple(name for name, wants_gpu in WANTS_GPU.items() if wants_gpu == is_gpu)
