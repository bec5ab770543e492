"""One row for each setting, read off the model: loader, `config`, help and example all use it."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal, get_args, get_origin

from pydantic.fields import FieldInfo

from agent.config.key import Key
from agent.config.settings import Settings
from agent.config.values import Right

PREFIX = "MORAG_AGENT_"
OLDER_PREFIX = "MORAG_REMOTE_"


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    name: str
    """The attribute of `Settings`."""
    key: Key
    right: str
    """What a value has to be."""
    is_switch: bool

    @property
    def section(self) -> str:
        return self.key.at.partition(".")[0]

    @property
    def option(self) -> str:
        return self.key.at.partition(".")[2]

    @property
    def flag(self) -> str | None:
        if self.key.is_secret:
            return None
        return self.key.flag or "--" + self.name.replace("_", "-")

    @property
    def env(self) -> str:
        """The flag's words; only the agent's own id and name need no `AGENT_` twice."""
        if self.key.variable is not None:
            return PREFIX + self.key.variable
        words = (self.key.flag or self.name).removeprefix("--").removeprefix("agent_")
        short = self.name if self.section == "serve" else words
        return PREFIX + short.replace("-", "_").upper()

    @property
    def older_env(self) -> str | None:
        return OLDER_PREFIX + self.key.older if self.key.older else None


def rows() -> Mapping[str, Row]:
    """By attribute name, in the order of the file."""
    return {name: _row(name, field) for name, field in Settings.model_fields.items()}


def _row(name: str, field: FieldInfo) -> Row:
    (key,) = (item for item in field.metadata if isinstance(item, Key))
    return Row(name=name, key=key, right=_right(field), is_switch=field.annotation is bool)


def _right(field: FieldInfo) -> str:
    if get_origin(field.annotation) is Literal:
        return "one of " + ", ".join(get_args(field.annotation))
    return next(item.text for item in field.metadata if isinstance(item, Right))
