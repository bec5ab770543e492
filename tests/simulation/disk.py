"""What a disk holds after a crash, and after a power cut.

A crash leaves every write. A power cut leaves what was synced: the bytes of each file as they were
at its last `fsync`, the names of each folder at its own. What was not synced may have reached the
disk all the same, or not: the dice say.

SQLite syncs by itself, out of our sight, and promises that a commit lasts: its files stay.
"""

import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from random import Random

SQLITE = "server.sqlite3"
LOST_WITH_THE_PROCESS = ("-shm",)

Content = bytes
Listing = dict[str, int]


@dataclass
class Disk:
    """Every file system of one world: what has been synced, by inode."""

    contents: dict[int, Content] = field(default_factory=dict[int, Content])
    listings: dict[int, Listing] = field(default_factory=dict[int, Listing])
    kinds: dict[int, bool] = field(default_factory=dict[int, bool])
    """Is the inode a folder."""

    def note_sync(self, fd: int) -> None:
        found = os.fstat(fd)
        if stat.S_ISDIR(found.st_mode):
            self.listings[found.st_ino] = self._listing(fd)
        else:
            self.contents[found.st_ino] = _content_of(fd, found.st_size)

    def _listing(self, folder: int | Path) -> Listing:
        listing: Listing = {}
        with os.scandir(folder) as entries:
            for entry in entries:
                listing[entry.name] = inode = entry.inode()
                self.kinds[inode] = entry.is_dir(follow_symlinks=False)
        return listing

    def after_crash(self, source: Path, target: Path) -> None:
        """What another process finds once this one is dead."""
        self._copy(source, target, {})

    def after_power_cut(self, source: Path, target: Path, dice: Random) -> None:
        """What is found when the power is back; all of that is on disk by then."""
        target.mkdir()
        is_harsh = dice.random() < HARSH
        self._restore(source, target, dice, is_harsh=is_harsh)
        self._settle(target)

    def _copy(self, source: Path, target: Path, moved: dict[int, int]) -> None:
        target.mkdir()
        for entry in sorted(os.scandir(source), key=lambda entry: entry.name):
            there = target / entry.name
            if entry.is_dir(follow_symlinks=False):
                self._copy(Path(entry.path), there, moved)
            elif not entry.name.endswith(LOST_WITH_THE_PROCESS):
                there.write_bytes(Path(entry.path).read_bytes())
            else:
                continue
            moved[entry.inode()] = new = there.stat().st_ino
            if entry.inode() in self.contents:
                self.contents[new] = self.contents[entry.inode()]
        old = self.listings.get(source.stat().st_ino)
        if old is not None:
            # An inode that is gone from the folder by now keeps its number: only the disk has it.
            known = {name: moved.get(inode, inode) for name, inode in old.items()}
            self.kinds.update({known[name]: self.kinds[inode] for name, inode in old.items()})
            self.listings[target.stat().st_ino] = known

    def _restore(self, source: Path, target: Path, dice: Random, *, is_harsh: bool) -> None:
        now = self._listing(source) if source.is_dir() else {}
        self._restore_folder(source.stat().st_ino, source, now, target, dice, is_harsh)

    def _restore_folder(
        self,
        inode: int,
        source: Path | None,
        now: Listing,
        target: Path,
        dice: Random,
        is_harsh: bool,
    ) -> None:
        synced = self.listings.get(inode, {})
        has_luck = not is_harsh and dice.random() < LUCK
        names = {**synced, **now} if has_luck else dict(synced)
        names |= {name: node for name, node in now.items() if name.startswith(SQLITE)}
        for name in sorted(names):
            node = names[name]
            path = source / name if source is not None and now.get(name) == node else None
            if name.endswith(LOST_WITH_THE_PROCESS):
                continue
            if self.kinds[node]:
                (target / name).mkdir()
                below = self._listing(path) if path is not None else {}
                self._restore_folder(node, path, below, target / name, dice, is_harsh)
            else:
                content = self._content(node, path, dice, is_harsh=is_harsh)
                (target / name).write_bytes(content)

    def _content(self, node: int, path: Path | None, dice: Random, *, is_harsh: bool) -> Content:
        if path is not None and path.name.startswith(SQLITE):
            return path.read_bytes()
        has_luck = not is_harsh and dice.random() < LUCK
        synced = self.contents.get(node, b"")
        if not has_luck or path is None:
            return synced
        now = path.read_bytes()
        return _in_part(synced, now, dice) if dice.random() < HOLES else now

    def _settle(self, folder: Path) -> None:
        self.listings[folder.stat().st_ino] = listing = self._listing(folder)
        for name, node in listing.items():
            if self.kinds[node]:
                self._settle(folder / name)
            else:
                self.contents[node] = (folder / name).read_bytes()


HARSH = 0.4
"""Of all power cuts: nothing survives that was not synced."""
LUCK = 0.6
"""In the others: the share of files and folders that had reached the disk anyway."""
HOLES = 0.7
"""Of those files: the share of which only some pages had, though the length had."""
PAGE = 4096


def _in_part(before: Content, now: Content, dice: Random) -> Content:
    """Page by page the new bytes, or what lay there before: nothing, behind the old end."""
    old = before[: len(now)].ljust(len(now), b"\0")
    return b"".join(
        dice.choice((old, now))[start : start + PAGE] for start in range(0, len(now), PAGE)
    )


def _content_of(fd: int, size: int) -> Content:
    with open(f"/proc/self/fd/{fd}", "rb") as file:  # noqa: PTH123 - also one opened for writing
        return file.read(size)


@contextmanager
def watched(disk: Disk) -> Iterator[None]:
    """Every sync of this process is noted; nothing is really synced."""
    before = os.fsync, os.fdatasync

    def note(file: int) -> None:
        disk.note_sync(file)

    os.fsync = os.fdatasync = note  # type: ignore[assignment]
    try:
        yield
    finally:
        os.fsync, os.fdatasync = before
