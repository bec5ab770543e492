"""What the command line says about a file: its kind, its options, whether it can be read."""

import hashlib
import json
from collections.abc import Iterable, Mapping
from mimetypes import guess_type
from pathlib import Path

from agent.cli.exit_codes import NoInputError, UsageError
from agent.config import known_content_types
from agent.model.ids import JsonObject, JsonValue

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


def options_of(pairs: Iterable[str]) -> JsonObject:
    """`words=true` gives a boolean, `beam=5` a number, everything that is no JSON a text."""
    options: JsonObject = {}
    for pair in pairs:
        name, equals, text = pair.partition("=")
        if not equals or not name.strip():
            raise UsageError(f"--option {pair}: write NAME=VALUE, for example language=en")
        options[name.strip()] = _value(text)
    return options


def _value(text: str) -> JsonValue:
    try:
        value: JsonValue = json.loads(text)
    except ValueError:
        return text
    return value
