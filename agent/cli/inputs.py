"""What the command line says about a file: its kind, its options, whether it can be read."""

import argparse
import hashlib
import json
import re
import stat
from collections.abc import Callable, Iterable, Mapping
from mimetypes import guess_type
from pathlib import Path
from typing import NoReturn

from agent.cli.exit_codes import NoInputError, UsageError
from agent.config import known_content_types
from agent.config.values import NAME_PATTERN
from agent.model.ids import JsonObject, JsonValue

LONGEST_KEY = 255

_BY_SUFFIX: Mapping[str, str] = {
    **dict.fromkeys((".opus", ".oga", ".m4a", ".m4b", ".wma", ".amr", ".mka", ".caf"), "audio"),
    **dict.fromkeys((".mkv", ".m4v", ".ts", ".mts", ".flv", ".3gp"), "video"),
    **dict.fromkeys((".heic", ".avif", ".webp"), "image"),
    **dict.fromkeys((".docx", ".xlsx", ".pptx", ".odt", ".ods", ".odp", ".epub"), "document"),
    **dict.fromkeys((".md", ".rst", ".log", ".srt", ".vtt", ".json", ".yaml", ".toml"), "text"),
}
"""What `mimetypes` does not know everywhere, or calls something else."""

_BY_MEDIA_TYPE: Mapping[str, str] = {
    "text/html": "web",
    "application/xhtml+xml": "web",
    "application/pdf": "document",
    "application/msword": "document",
    "application/rtf": "document",
    "application/vnd.ms-excel": "document",
    "application/vnd.ms-powerpoint": "document",
}


def content_type_of(file: Path, given: str | None = None) -> str:
    """By the file's name. Raises `UsageError` where that does not say it."""
    known = ", ".join(known_content_types)
    if given is not None:
        if given not in known_content_types:
            raise UsageError(f"--content-type {given}: there is no such type; known are {known}")
        return given
    media_type = media_type_of(file) or ""
    kind = (
        _BY_SUFFIX.get(file.suffix.lower())
        or _BY_MEDIA_TYPE.get(media_type)
        or media_type.partition("/")[0]
    )
    if kind not in known_content_types:
        raise UsageError(
            f"{file}: its name does not say what it is; give --content-type, one of {known}"
        )
    return kind


def media_type_of(file: Path) -> str | None:
    return guess_type(file.name)[0]


def size_of(file: Path) -> int:
    """Raises `NoInputError` for everything that is not a readable, non-empty file."""
    try:
        # Opening a FIFO waits for whoever writes into it, and a device has no end.
        mode = file.stat().st_mode
        if not (stat.S_ISREG(mode) or stat.S_ISDIR(mode)):
            raise NoInputError(f"{file} is no file but a device, FIFO or socket: copy it into one")
        with file.open("rb") as source:
            size = source.seek(0, 2)
    except IsADirectoryError as error:
        raise NoInputError(f"{file} is a folder: name the files in it") from error
    except OSError as error:
        raise NoInputError(f"cannot read {file}: {error.strerror}") from error
    if not size:
        raise NoInputError(f"{file} is empty")
    return size


def digest_of(file: Path) -> str:
    with file.open("rb") as source:
        return hashlib.file_digest(source, "sha256").hexdigest()


def name_of(file: Path) -> str:
    """Raises `NoInputError` for a name that cannot be told to anybody else."""
    if not _is_utf8(file.name):
        raise NoInputError(f"{file}: its name is no valid UTF-8; rename it")
    return file.name


def _is_utf8(text: str) -> bool:
    """Bytes of the command line that are none come as halves of pairs."""
    return not any("\ud800" <= char <= "\udfff" for char in text)


def whole_number(least: int, most: int) -> Callable[[str], int]:
    """The type of a flag."""

    def read(text: str) -> int:
        try:
            number = int(text)
        except ValueError:
            number = least - 1
        if not least <= number <= most:
            raise _wrong(text, f"a whole number from {least} to {most}")
        return number

    return read


def queue_name(text: str) -> str:
    """The type of a flag."""
    if not re.fullmatch(NAME_PATTERN, text):
        raise _wrong(text, "letters, digits, '.', '_' and '-', a letter or digit first")
    return text


def key(text: str) -> str:
    """The type of a flag."""
    if not (0 < len(text) <= LONGEST_KEY and _is_utf8(text)):
        raise _wrong(text, f"a text of 1 to {LONGEST_KEY} characters")
    return text


def _wrong(text: str, right: str) -> argparse.ArgumentTypeError:
    return argparse.ArgumentTypeError(f"{text!r} is wrong: it must be {right}")


def options_of(pairs: Iterable[str]) -> JsonObject:
    """`words=true` gives a boolean, `beam=5` a number, everything that is no JSON a text."""
    options: JsonObject = {}
    for pair in pairs:
        name, equals, text = pair.partition("=")
        if not equals or not name.strip():
            raise UsageError(f"--option {pair}: write NAME=VALUE, for example language=en")
        if not _is_utf8(pair):
            raise UsageError(f"--option {pair}: it is no valid UTF-8")
        options[name.strip()] = _value(text)
    return options


def _value(text: str) -> JsonValue:
    try:
        value: JsonValue = json.loads(text, parse_constant=_no_json)
    except (ValueError, RecursionError):
        return text
    return value


def _no_json(text: str) -> NoReturn:
    """`NaN` and `Infinity` are Python's, and no server would take them."""
    raise ValueError(text)
