"""What crosses the pipes of a box, each a line of JSON.

Down goes one request. Up come the walls that hold, before the file is touched; signs of life; and
one answer, after which nothing that the box says or does is of interest any more.

    {"walls": {…}}  {"at": 0.25}*  {"result": {…}} | {"refused": "why", "kind": …} | {"errno": …}
"""

import json
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Protocol, TypeAlias

from agent.model.ids import Bytes, JsonObject
from agent.pipelines.box.confinement import LANDLOCK, SECCOMP, Wall
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
    walls: tuple[Wall, ...] = (LANDLOCK, SECCOMP)
    """Which to put up, where the kernel has them."""
    is_required: bool = False
    """Without all the walls the file stays unread."""
    gpu: bool = False

    def line(self) -> bytes:
        return json.dumps(asdict(self)).encode() + b"\n"

    @classmethod
    def of(cls, line: bytes) -> "Request":
        fields = json.loads(line)
        return cls(**fields | {"limits": Limits(**fields["limits"])})
