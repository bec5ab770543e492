"""Places in the spool for what is no held job: lost to us, never ours, or on its way out."""

import os
from collections.abc import Callable
from datetime import UTC, datetime
from itertools import count
from pathlib import Path

import structlog

from agent.edges.durable import PRIVATE_FOLDER, erase, is_own_folder, move
from agent.model.ids import Seconds

STAMP = "%Y%m%dT%H%M%SZ"
STAMP_LENGTH = len("20260101T000000Z")
LONGEST_NAME = 48
"""Characters that are kept of a name: with the stamp it must not be too long for the disk."""

_log = structlog.get_logger(__name__)


class Shelf:
    """A folder whose entries are named after the time they came: 20260101T000000Z-NAME."""

    def __init__(self, folder: Path, wall: Callable[[], float]) -> None:
        """`wall` reads the time of day, which goes on from one start to the next."""
        self._folder = folder
        self._wall = wall

    def prepare(self) -> None:
        """Have the folder. What lies in its place, a link perhaps, becomes its first entry."""
        in_the_way = None
        if os.path.lexists(self._folder) and not is_own_folder(self._folder):
            in_the_way = self._unused(self._folder, self._folder.parent)
            move(self._folder, in_the_way)
        self._folder.mkdir(mode=PRIVATE_FOLDER, exist_ok=True)
        if in_the_way is not None:
            self.put(in_the_way)

    def put(self, path: Path) -> Path:
        """Move `path` here: itself, not what it may link to. Gives its new path."""
        self._folder.mkdir(mode=PRIVATE_FOLDER, exist_ok=True)
        target = self._unused(path, self._folder)
        move(path, target)
        return target

    def remove_older(self, than: Seconds) -> None:
        """Remove what came longer ago. What refuses is told in the log."""
        now = self._wall()
        self._remove(lambda path: now - _came_at(path) > than)

    def empty(self) -> None:
        self._remove(lambda _: True)

    def _remove(self, is_due: Callable[[Path], bool]) -> None:
        for path in self._folder.iterdir():
            try:
                if is_due(path):
                    erase(path)
            except OSError as error:
                _log.warning("spool.not_removed", path=printable(path), reason=str(error))

    def _unused(self, path: Path, folder: Path) -> Path:
        stamp = datetime.fromtimestamp(self._wall(), UTC).strftime(STAMP)
        name = f"{stamp}-{path.name[:LONGEST_NAME]}"
        names = (name if n == 1 else f"{name}-{n}" for n in count(1))
        return next(folder / one for one in names if not os.path.lexists(folder / one))


def _came_at(path: Path) -> float:
    """The time in the name; for what others put here, that of its last change."""
    try:
        stamp = datetime.strptime(path.name[:STAMP_LENGTH], STAMP)  # noqa: DTZ007 - see below
    except ValueError:
        return path.lstat().st_mtime
    return stamp.replace(tzinfo=UTC).timestamp()


def printable(path: Path) -> str:
    """File names are bytes, and need not be text."""
    return os.fsencode(path).decode("utf-8", "backslashreplace")
