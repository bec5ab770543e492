"""The kinds of content there are, which capability each is for, and whose pipelines exist."""

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class ContentType:
    wants_gpu: bool
    has_pipeline: bool
    """Announced to a server only where this is true."""


CONTENT_TYPES: Mapping[str, ContentType] = {
    "audio": ContentType(wants_gpu=True, has_pipeline=True),
    "video": ContentType(wants_gpu=True, has_pipeline=False),
    "image": ContentType(wants_gpu=True, has_pipeline=False),
    "document": ContentType(wants_gpu=False, has_pipeline=False),
    "web": ContentType(wants_gpu=False, has_pipeline=False),
    "text": ContentType(wants_gpu=False, has_pipeline=True),
}

known_content_types = tuple(CONTENT_TYPES)


def by_capability(capability: str) -> tuple[str, ...]:
    """What a box of this capability is for, pipelines or not."""
    if capability not in {"gpu", "cpu"}:
        return known_content_types
    wants_gpu = capability == "gpu"
    return tuple(name for name, kind in CONTENT_TYPES.items() if kind.wants_gpu == wants_gpu)


def with_pipelines(names: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(name for name in names if CONTENT_TYPES[name].has_pipeline)
