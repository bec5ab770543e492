"""Looks at a spool from outside, with an agent at work in it or none, and changes nothing."""

import fcntl
import os
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

_SECTOR = 512
_FOLDERS = ("held", "kept", "aside", "trash")


@dataclass(frozen=True, slots=True)
class Pile:
    """One of the spool's folders."""

    entries: int = 0
    size: int = 0
    """Bytes."""
    oldest: float = 0.0
    """Seconds since the entry that was changed longest ago was changed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SpoolSight:
    is_there: bool
    is_in_use: bool = False
    """By an agent that runs."""
    piles: dict[str, Pile] = field(default_factory=dict)


def look(root: Path) -> SpoolSight:
    if not root.is_dir():
        return SpoolSight(is_there=False)
    now = time.time()
    piles = {name: _pile(root / name, now) for name in _FOLDERS}
    return SpoolSight(is_there=True, is_in_use=_is_in_use(root / "lock"), piles=piles)


def _is_in_use(lock: Path) -> bool:
    try:
        descriptor = os.open(lock, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
    except OSError:
        return False
    try:
        # A shared one, for an instant: an agent that starts just now tries more than once.
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(descriptor)
    return False


def _pile(folder: Path, now: float) -> Pile:
    entries, size, oldest = 0, 0, now
    with suppress(OSError):
        for entry in os.scandir(folder):
            with suppress(OSError):
                entries += 1
                oldest = min(oldest, entry.stat(follow_symlinks=False).st_mtime)
                size += sum(_sizes(entry))
    return Pile(entries, size, max(0.0, now - oldest))


def _sizes(entry: "os.DirEntry[str]") -> Iterator[int]:
    if not entry.is_dir(follow_symlinks=False):
        yield entry.stat(follow_symlinks=False).st_size
        return
    for folder, _, names in os.walk(entry.path):
        for name in names:
            with suppress(OSError):
                yield Path(folder, name).lstat().st_blocks * _SECTOR
