"""A folder full of whatever a stranger's file has made a box write: how much it is, and its end."""

import os
import stat
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from uuid import uuid4

from agent.model.ids import Bytes

_BLOCK = 512


@dataclass(frozen=True, slots=True)
class Usage:
    size: Bytes
    """On the disk: holes cost nothing."""
    files: int
    """Folders included."""
    is_whole: bool
    """Or a folder could not be looked into: its path is too long, or it is closed to us."""


def usage_of(folder: Path) -> Usage:
    """As far as it can be told while somebody writes there; links are not followed."""
    size, files, is_whole = 0, 0, True
    waiting = [str(folder)]
    while waiting:
        try:
            for path, found in _within(waiting.pop()):
                files += 1
                size += found.st_blocks * _BLOCK
                if stat.S_ISDIR(found.st_mode):
                    waiting.append(path)
        except FileNotFoundError:
            continue
        except OSError:
            is_whole = False
    return Usage(Bytes(size), files, is_whole)


def _within(folder: str) -> Iterator[tuple[str, os.stat_result]]:
    with os.scandir(folder) as entries:
        for entry in entries:
            try:
                found = entry.stat(follow_symlinks=False)
            except FileNotFoundError:
                continue
            yield entry.path, found


def remove_tree(folder: Path) -> None:
    """However deep it is: folders below are moved up before their turn comes.

    `shutil.rmtree` needs one open file and one call for each level, and runs out of both.
    """
    while children := _emptied(folder):
        for child in children:
            for grandchild in _emptied(child):
                # A name that nobody can have taken beforehand.
                grandchild.rename(folder / uuid4().hex)
            child.rmdir()
    folder.rmdir()


def _emptied(folder: Path) -> list[Path]:
    """Remove what is no folder; the folders in it, opened for us."""
    folder.chmod(stat.S_IRWXU)
    children = []
    with os.scandir(folder) as entries:
        for entry in list(entries):
            if entry.is_dir(follow_symlinks=False):
                children.append(folder / entry.name)
            else:
                with suppress(FileNotFoundError):
                    Path(entry.path).unlink()
    for child in children:
        child.chmod(stat.S_IRWXU)
    return children
