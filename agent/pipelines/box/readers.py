"""Who reads what in a box: the module is imported inside, behind the limits."""

import importlib
from collections.abc import Mapping
from typing import cast

from agent.pipelines.box.request import Reader

READERS: Mapping[str, str] = {
    "audio": "agent.pipelines.audio.demuxing:read",
    "document": "agent.pipelines.document.reading:read_document",
    "document_pages": "agent.pipelines.document.reading:read_scans",
    "image": "agent.pipelines.image.reading:read",
    "web": "agent.pipelines.web.reading:read_page",
    "video-clip": "agent.pipelines.video.excerpting:excerpt",
    "video-pictures": "agent.pipelines.video.viewing:view",
    "video-probe": "agent.pipelines.video.probing:probe",
}
"""`module:function` by name."""


def reader_at(place: str) -> Reader:
    """Imports what is at one of the values of `READERS`, and all that it needs."""
    module, _, function = place.partition(":")
    return cast("Reader", getattr(importlib.import_module(module), function))
