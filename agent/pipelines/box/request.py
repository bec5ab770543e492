"""What crosses the pipes of a box: one request down, signs of life and one answer up, as JSON."""

import json
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Protocol, TypeAlias

from agent.model.ids import Bytes, JsonObject
from agent.pipelines.box.limits import Limits

MAX_LINE = Bytes(64 * 1024 * 1024)
"""A document's text comes this way; what is larger goes through the scratch folder."""

Tell: TypeAlias = Callable[[float], None]
"""A sign of life, with how far the reader is: a fraction, or seconds where no end is known."""


class Reader(Protocol):
    """Runs inside the box. What it raises of `PipelineError` is raised again outside."""

    def __call__(
        self, file: Path, scratch: Path, arguments: JsonObject, tell: Tell, /
    ) -> JsonObject: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    reader: str
    """A name in `box.readers`."""
    file: str
    scratch: str
    """The only folder that can be written."""
    arguments: JsonObject
    limits: Limits

    def line(self) -> bytes:
        return json.dumps(asdict(self)).encode() + b"\n"

    @classmethod
    def of(cls, line: bytes) -> "Request":
        fields = json.loads(line)
        return cls(**fields | {"limits": Limits(**fields["limits"])})
