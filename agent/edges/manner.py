"""How servers of one kind are spoken to."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Literal, TypeAlias

from agent.edges.problems import error_of
from agent.model.errors import ServerError

Refusal: TypeAlias = Callable[[int, Mapping[str, str], bytes], ServerError]
"""What an answer of 400 or more means: its status, headers and body."""
KeyForm: TypeAlias = Literal["bearer", "api-key", "x-api-key"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Manner:
    key_form: KeyForm = "bearer"
    refusal: Refusal = error_of

    def key_headers(self, key: str) -> Mapping[str, str]:
        match self.key_form:
            case "bearer":
                return {"Authorization": f"Bearer {key}"}
            case "api-key":
                return {"Authorization": f"ApiKey {key}"}
            case "x-api-key":
                return {"X-API-Key": key}
