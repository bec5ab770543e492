"""A value before it is checked: as it was written, and where."""

from dataclasses import dataclass
from enum import IntEnum
from pathlib import Path

from agent.model.errors import ConfigError


class Layer(IntEnum):
    """Later wins."""

    DEFAULT = 0
    UNSAID = 1
    """What a file means without saying so."""
    FILE = 2
    CONVERTER_ENVIRONMENT = 3
    OLDER_ENVIRONMENT = 4
    ENVIRONMENT = 5
    FLAG = 6


@dataclass(frozen=True, slots=True)
class Given:
    """One value as it was written, and where."""

    name: str
    value: object
    """None: nothing of it is used, and `remark` says why."""
    layer: Layer
    origin: str
    remark: str = ""
    """What people should know of it: the end of a sentence that begins with its origin."""


def read_text(path: Path) -> str:
    """A file of settings, whole. Raises `ConfigError`."""
    try:
        content = path.read_bytes()
    except FileNotFoundError as error:
        raise ConfigError(f"there is no configuration file {path}") from error
    except OSError as error:
        raise ConfigError(f"cannot read the configuration file {path}: {error.strerror}") from error
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise ConfigError(f"{path} is no text in UTF-8") from error
