"""How fast the disk below a folder is: written, synced, read again, and nothing of it left."""

import os
import tempfile
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from time import monotonic

BLOCK = 2**20
_STRIDE = 16 * BLOCK
"""Synced as it goes: otherwise all of it waits in memory, and the time limit limits nothing."""
_SYNCS = 15
_SMALL = 4096


@dataclass(frozen=True, slots=True)
class DiskSpeed:
    size: int
    """Bytes that were written."""
    write: float
    """Bytes per second, the sync at the end included."""
    read: float
    """Likewise, from the disk where the system forgets what it is asked to forget."""
    sync: float
    """Seconds until a small write is safe; the middle one of several."""


def measure(folder: Path, size: int, longest: float) -> DiskSpeed:
    """Writes `size` bytes, or fewer where that takes longer than `longest` seconds."""
    # The file has no name: whatever ends us, the disk gets its space back.
    with tempfile.TemporaryFile(dir=folder, buffering=0) as file:
        descriptor = file.fileno()
        begun = monotonic()
        written = _written(descriptor, size, begun + longest)
        os.fsync(descriptor)
        took = monotonic() - begun
        read = _reading(descriptor, written)
        return DiskSpeed(written, written / took, read, _sync(descriptor))


def _written(descriptor: int, size: int, until: float) -> int:
    block, written = os.urandom(BLOCK), 0
    while written < size and monotonic() < until:
        written += os.write(descriptor, block)
        if written % _STRIDE == 0:
            os.fdatasync(descriptor)
    return written


def _reading(descriptor: int, size: int) -> float:
    os.posix_fadvise(descriptor, 0, 0, os.POSIX_FADV_DONTNEED)
    os.lseek(descriptor, 0, os.SEEK_SET)
    begun = monotonic()
    while os.read(descriptor, BLOCK):
        pass
    return size / (monotonic() - begun)


def _sync(descriptor: int) -> float:
    times = []
    for number in range(_SYNCS):
        begun = monotonic()
        os.pwrite(descriptor, bytes(_SMALL), number * _SMALL)
        os.fsync(descriptor)
        times.append(monotonic() - begun)
    return median(times)
