"""An input on the disk: what of it a start can trust, and how it grows.

    JOB/input.part         the bytes so far
    JOB/input.part.json    their version, and how many of them a power cut leaves
    JOB/input              all of them, under the final name

The last rename is what makes an input whole: no journal has to say so.
"""

import hashlib
import os
from collections.abc import Callable, Sequence
from contextlib import suppress
from errno import EBADF, EIO
from pathlib import Path

from agent.edges.durable import PRIVATE_FILE, erase, is_plain_file, sync_folder
from agent.edges.input_note import NoteFile
from agent.model.errors import SpoolError
from agent.model.ids import Bytes, Digest

CHECKPOINT = 64 * 1024 * 1024
"""Bytes that a power cut costs at most; each checkpoint waits for the disk."""
HASH_BLOCK = 1024 * 1024


class PartOnDisk:
    """For one thread at a time, `interrupt` excepted. Opens no file before it has to."""

    def __init__(
        self,
        folder: Path,
        machine_boot: str,
        *,
        size: Bytes | None = None,
        checkpoint: int = CHECKPOINT,
    ) -> None:
        """`size` is that of the whole input, where it is known."""
        self._folder = folder
        self._checkpoint = checkpoint
        self._note = NoteFile(folder / "input.part.json", machine_boot)
        whole = _size(self._whole)
        self.is_sealed = whole is not None and size in {None, whole}
        self.length = (whole or 0) if self.is_sealed else self._note.trusted(_size(self._part) or 0)
        self._tally = _Tally()
        self._fd = -1
        self._is_lost = False
        self._is_over = False

    @property
    def etag(self) -> str | None:
        return self._note.etag

    @property
    def _part(self) -> Path:
        return self._folder / "input.part"

    @property
    def _whole(self) -> Path:
        return self._folder / "input"

    def restart(self, etag: str | None) -> None:
        """Begin at byte 0. No byte of the version `etag` can be on disk before its name is."""
        fd = self._open_to_change()
        os.ftruncate(fd, 0)
        self._forget()
        self._note.write(etag, 0)
        self._is_lost = False

    def write(self, chunks: Sequence[bytes]) -> None:
        """Only what was written whole counts, whatever breaks in between."""
        fd = self._open_to_grow()
        self._note.claim(self.length)
        at, tally = self.length, self._tally.copy()
        for chunk in chunks:
            tally.add(chunk, at)
            at = _write_at(fd, chunk, at)
        self.length, self._tally = at, tally
        if at - self._note.synced >= self._checkpoint:
            self._sync(os.fdatasync)
            self._note.write(self.etag, at)

    def digest(self) -> Digest:
        """What an earlier start wrote is read back here, not while a source waits for us."""
        tally = self._tally
        while tally.at < self.length:
            wanted = min(HASH_BLOCK, self.length - tally.at)
            block = os.pread(self._open(), wanted, tally.at)
            if not block:
                raise _cut_short()
            tally.add(block, tally.at)
        return tally.digest()

    def seal(self) -> Path:
        """Sync everything and give it its final name; may be repeated."""
        if not self.is_sealed:
            fd = self._open_to_grow()
            if _trim(fd, self.length) < self.length:
                raise _cut_short()
            self._sync(os.fsync)
            _clear(self._whole)
            self._part.rename(self._whole)
            self.is_sealed = True
        sync_folder(self._folder)
        with suppress(OSError):
            self._note.remove()
        return self._whole

    def interrupt(self) -> None:
        """From any thread: a digest that another one is at ends soon, and nothing new begins."""
        self._is_over = True

    def close(self) -> None:
        self._is_over = True
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1

    def _open_to_grow(self) -> int:
        if self._is_lost:
            raise SpoolError("bytes of the input were lost on the disk: it has to begin again")
        return self._open_to_change()

    def _open_to_change(self) -> int:
        if self.is_sealed:
            raise SpoolError("the input is sealed: nothing may change it")
        return self._open()

    def _open(self) -> int:
        if self._is_over:
            raise OSError(EBADF, os.strerror(EBADF))
        if self._fd < 0:
            self._fd = self._open_whole() if self.is_sealed else self._open_part()
        return self._fd

    def _open_whole(self) -> int:
        return os.open(self._whole, os.O_RDONLY | os.O_NOFOLLOW)

    def _open_part(self) -> int:
        _clear(self._part)
        fd = os.open(self._part, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW, PRIVATE_FILE)
        try:
            _trim(fd, self.length)
        except OSError:
            os.close(fd)
            raise
        return fd

    def _sync(self, sync: Callable[[int], None]) -> None:
        try:
            sync(self._fd)
        except OSError:
            # The system tells once of pages that it lost, and nobody knows which. Another sync
            # would succeed and prove nothing.
            self._forget()
            with suppress(OSError):
                os.ftruncate(self._fd, 0)
            raise

    def _forget(self) -> None:
        """Nothing counts any more, until a restart has succeeded."""
        self._is_lost = True
        self.length = 0
        self._tally = _Tally()


class _Tally:
    """A digest that follows the bytes, as long as none of them is left out."""

    def __init__(self) -> None:
        self.at = 0
        self._hash = hashlib.sha256()

    def copy(self) -> "_Tally":
        other = _Tally()
        other.at, other._hash = self.at, self._hash.copy()
        return other

    def add(self, chunk: bytes, at: int) -> None:
        """Take the bytes at `at`, if those before them were taken."""
        if at == self.at:
            self._hash.update(chunk)
            self.at += len(chunk)

    def digest(self) -> Digest:
        return Digest(self._hash.hexdigest())


def _size(path: Path) -> Bytes | None:
    """None for what is not there or no plain file."""
    try:
        return Bytes(path.lstat().st_size) if is_plain_file(path) else None
    except FileNotFoundError:
        return None


def _clear(path: Path) -> None:
    """Remove what lies there in place of a plain file."""
    if _size(path) is None:
        erase(path)


def _trim(fd: int, length: int) -> int:
    """Cut off what does not count, for the next start would count it; the size before that."""
    size = os.fstat(fd).st_size
    if size > length:
        os.ftruncate(fd, length)
    return size


def _cut_short() -> OSError:
    return OSError(EIO, "it has been cut short on the disk")


def _write_at(fd: int, chunk: bytes, at: int) -> int:
    view = memoryview(chunk)
    while view:
        count = os.pwrite(fd, view, at)
        view, at = view[count:], at + count
    return at
