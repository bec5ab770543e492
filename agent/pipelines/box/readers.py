"""Who reads what in a box: the module is imported inside, behind the limits."""

import importlib
from collections.abc import Mapping
from typing import cast

from agent.pipelines.box.request import Reader

READERS: Mapping[str, str] = {
    "audio": "agent.pipelines.audio.demuxing:read",
    "document": "agent.pipelines.document.reading:read_document",
    "document_pages": "agent.pipelines.document.reading:read_scans",
    "web": "agent.pipelines.web.reading:read_page",
}
"""`module:function` by name."""


def reader_named(name: str) -> Reader:
    module, _, function = READERS[name].partition(":")
    return cast("Reader", getattr(importlib.import_module(module), function))
