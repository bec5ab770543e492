"""Reads the two kinds of file that MoRAG's own remote converter is set up with."""

import re
import shlex
from collections.abc import Mapping
from pathlib import Path

from agent.model.errors import ConfigError

SUFFIXES = frozenset({".yaml", ".yml"})
_VARIABLE = re.compile(r"\s*(?:export\s+)?([A-Za-z_][A-Za-z0-9_]*)\s*=\s*(.*)")
_NOTHING = frozenset({"null", "~"})


def keys_in(text: str, path: Path) -> Mapping[str, str]:
    """The keys of its YAML file, each value as a variable would have it. Raises `ConfigError`.

    No sentence about the file repeats what stands in it: that may be the key.
    """
    import yaml

    try:
        # Every value stays the text that it is: a key of digits is no number.
        told = yaml.load(text, Loader=yaml.BaseLoader)  # noqa: S506 (it makes nothing but text)
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        where = "" if mark is None else f" (line {mark.line + 1})"
        raise ConfigError(f"{path} is no valid YAML{where}") from error
    except RecursionError as error:
        raise ConfigError(f"{path} is no file of settings: it is nested without end") from error
    if not isinstance(told, dict):
        raise ConfigError(f"{path} holds no settings: its lines are not of the form key: value")
    return {str(key): _as_text(str(key), value, path) for key, value in told.items()}


def variables_in(text: str, path: Path) -> Mapping[str, str] | None:
    """The variables of a `.env` file; None where it is of another kind. Raises `ConfigError`."""
    lines = {number: line for number, line in enumerate(text.splitlines(), 1) if _says(line)}
    found = {number: _VARIABLE.fullmatch(line) for number, line in lines.items()}
    if not any(found.values()):
        return None
    told: dict[str, str] = {}
    for number, parts in found.items():
        if parts is None:
            raise ConfigError(f"{path}: line {number} is not of the form NAME=value")
        told[parts[1]] = _unquoted(parts[2], f"{path}: line {number}")
    return told


def _says(line: str) -> bool:
    return bool(line.strip()) and not line.lstrip().startswith("#")


def _as_text(key: str, value: object, path: Path) -> str:
    match value:
        case str():
            return "" if value in _NOTHING else value
        case list() if all(isinstance(item, str) for item in value):
            return ",".join(value)
        case _:
            raise ConfigError(f"{path}: {key} is neither a text nor a list of texts")


def _unquoted(value: str, where: str) -> str:
    """As a shell would take it, without putting anything in; a comment needs a space before it."""
    if not value.lstrip().startswith(("'", '"')):
        return re.split(r"\s#", value, maxsplit=1)[0].strip()
    try:
        words = shlex.split(value, comments=True)
    except ValueError as error:
        raise ConfigError(f"{where} has a quotation mark that is never closed") from error
    return "".join(words[:1])
