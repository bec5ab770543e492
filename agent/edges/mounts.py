"""What file system a folder lies on, and how it is mounted."""

import os
import re
from dataclasses import dataclass
from pathlib import Path

MOUNTS = Path("/proc/self/mountinfo")
NETWORK = frozenset(
    {"nfs", "nfs4", "cifs", "smb3", "smbfs", "9p", "afs", "ceph", "glusterfs", "fuse.sshfs"}
)
IN_MEMORY = frozenset({"tmpfs", "ramfs"})
_OCTAL = re.compile(r"\\([0-7]{3})")


@dataclass(frozen=True, slots=True)
class Mount:
    point: Path
    kind: str
    """`ext4`, `nfs4`, `tmpfs` …"""
    options: frozenset[str]


def mount_of(path: Path, table: str | None = None) -> Mount | None:
    """That of the deepest mount point above `path`; None where the system does not tell."""
    where = existing(path).resolve()
    mounts = _mounts(_read() if table is None else table)
    above = [mount for mount in mounts if _holds(mount, where)]
    # Of two on the same point the later one covers the earlier: `max` gives the first it meets.
    return max(reversed(above), key=lambda mount: len(mount.point.parts), default=None)


def existing(path: Path) -> Path:
    """`path`, or the folder in which it or its parents will lie."""
    whole = path.absolute()
    return next(folder for folder in (whole, *whole.parents) if os.path.lexists(folder))


def _holds(mount: Mount, path: Path) -> bool:
    return path == mount.point or mount.point in path.parents


def _read() -> str:
    try:
        return MOUNTS.read_text(encoding="utf-8", errors="surrogateescape")
    except OSError:
        return ""


def _mounts(table: str) -> list[Mount]:
    """proc(5): ID PARENT MAJOR:MINOR ROOT POINT OPTIONS [FIELDS…] - TYPE SOURCE SUPER_OPTIONS."""
    found = []
    for line in table.splitlines():
        before, dash, after = line.partition(" - ")
        words, more = before.split(" "), after.split(" ")
        if dash and len(words) > 5 and len(more) > 2:  # noqa: PLR2004 - the fields named above
            options = frozenset((words[5] + "," + more[2]).split(","))
            found.append(Mount(Path(_plain(words[4])), more[0], options))
    return found


def _plain(text: str) -> str:
    """Spaces and the like are written as three octal digits behind a backslash."""
    return _OCTAL.sub(lambda code: chr(int(code[1], 8)), text)
