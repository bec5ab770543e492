"""A result file, named and sealed."""

import re
from dataclasses import dataclass

from agent.model.ids import Bytes, Digest

ARTIFACT_NAME = re.compile(
    r"(?:[A-Za-z0-9][A-Za-z0-9._-]{0,127}/)?[A-Za-z0-9][A-Za-z0-9._-]{0,127}"
)
"""The names that the protocol allows: one file, optionally under one folder."""


@dataclass(frozen=True, slots=True)
class Artifact:
    """One line of the manifest; size and digest are those of the synced file."""

    name: str
    media_type: str
    size: Bytes
    sha256: Digest
