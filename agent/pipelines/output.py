"""Writes artifacts into the task's output folder."""

from pathlib import Path

Written = tuple[str, str]
"""Name and media type of one artifact."""

_MEDIA_TYPES = {
    ".jpg": "image/jpeg",
    ".json": "application/json",
    ".md": "text/markdown",
    ".mp4": "video/mp4",
    ".png": "image/png",
    ".srt": "application/x-subrip",
    ".txt": "text/plain",
    ".vtt": "text/vtt",
}


def write(folder: Path, name: str, text: str) -> Written:
    """Put one UTF-8 text file there; lone surrogates, which no file may hold, become `?`."""
    path = folder / name
    path.write_text(text, encoding="utf-8", errors="replace", newline="\n")
    return named(name)


def named(name: str) -> Written:
    """A file that is there already."""
    return name, _MEDIA_TYPES[Path(name).suffix]
