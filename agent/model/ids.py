"""Identifiers and units: a bare `str` or `float` that means one of these has lost its name."""

from typing import NewType, TypeAlias

JobId = NewType("JobId", str)
LeaseId = NewType("LeaseId", str)
"""The fencing token of one attempt: at least 128 random bits, new for every grant."""
AgentId = NewType("AgentId", str)
BootId = NewType("BootId", str)
Digest = NewType("Digest", str)
"""Lower-case hex SHA-256."""

Seconds = NewType("Seconds", float)
Instant = NewType("Instant", float)
"""A reading of the agent's own steady clock; meaningless to any other machine."""
Bytes = NewType("Bytes", int)

JsonValue: TypeAlias = "bool | int | float | str | list[JsonValue] | dict[str, JsonValue] | None"
JsonObject: TypeAlias = dict[str, JsonValue]
