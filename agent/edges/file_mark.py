"""Whether a file is still the one that it was."""

from pathlib import Path
from typing import TypeAlias

Mark: TypeAlias = tuple[int, int, int] | None
"""None: there is no such file."""


def mark_of(path: Path | None) -> Mark:
    """Another one after each change, whether it was written in place or replaced."""
    if path is None:
        return None
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_mtime_ns, found.st_ino, found.st_size
