"""Writes artifacts into the task's output folder."""

from pathlib import Path

Written = tuple[str, str]
"""Name and media type of one artifact."""

_MEDIA_TYPES = {
    ".json": "application/json",
    ".md": "text/markdown",
    ".srt": "application/x-subrip",
    ".txt": "text/plain",
    ".vtt": "text/vtt",
}


def write(folder: Path, name: str, text: str) -> Written:
    """Put one UTF-8 text file there; lone surrogates, which no file may hold, become `?`."""
    path = folder / name
    path.write_text(text, encoding="utf-8", errors="replace", newline="\n")
    return name, _MEDIA_TYPES[path.suffix]
