"""The note beside an input that is under way: its version, and what of it is surely on the disk.

A kill loses nothing that was written: the kernel has it. A power cut may lose everything behind
the first `synced` bytes, or leave anything in its place. The boot of the machine tells them apart.
"""

import json
from dataclasses import asdict, dataclass
from pathlib import Path

from agent.edges.durable import read_whole, write_whole

BOOT_ID = Path("/proc/sys/kernel/random/boot_id")
LONGEST = 1024 * 1024


def machine_boot() -> str:
    """Another one after every start of the machine; empty where the machine does not tell."""
    try:
        return BOOT_ID.read_text().strip()
    except OSError:
        return ""


@dataclass(frozen=True, slots=True)
class Note:
    etag: str | None
    """The version of the bytes; on disk before the first of them can be."""
    synced: int
    machine_boot: str
    """During which the bytes behind the synced ones were written."""


NOTHING = Note(None, 0, "")


class NoteFile:
    """One note on disk."""

    def __init__(self, path: Path, machine_boot: str) -> None:
        self._path = path
        self._boot = machine_boot
        self._note = _read(path)

    @property
    def etag(self) -> str | None:
        return self._note.etag

    @property
    def synced(self) -> int:
        return self._note.synced

    def trusted(self, size: int) -> int:
        """How many of the `size` bytes that lie there are ours and in order."""
        if self._is_of_this_boot() and self._boot:
            return size
        return min(size, self.synced)

    def claim(self, length: int) -> None:
        """Before the bytes behind `length` are written in this boot."""
        if not self._is_of_this_boot() or self.synced > length:
            self.write(self.etag, min(self.synced, length))

    def write(self, etag: str | None, synced: int) -> None:
        note = Note(etag, synced, self._boot)
        write_whole(self._path, json.dumps(asdict(note)).encode())
        self._note = note

    def remove(self) -> None:
        self._path.unlink(missing_ok=True)

    def _is_of_this_boot(self) -> bool:
        return self._note.machine_boot == self._boot


def _read(path: Path) -> Note:
    """`NOTHING` for a note that is not there or torn: then no byte can be trusted."""
    try:
        known = json.loads(read_whole(path, LONGEST))
    except (OSError, ValueError, RecursionError):
        return NOTHING
    match known:
        case {"etag": str() | None as etag, "synced": int(synced), "machine_boot": str(boot)}:
            return Note(etag, synced, boot) if synced >= 0 else NOTHING
        case _:
            return NOTHING
