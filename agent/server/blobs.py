"""The files of the data folder.

server-files/{job_id}/input                   the client's file, whole
server-files/{job_id}/{origin}/{upload_id}    an artifact, whole; the origin is the lease that began
                                              the attempt: a stale agent overwrites nothing
{name}.part                                   either of them while it arrives
"""

import contextlib
import errno
import hashlib
import os
import shutil
from collections.abc import Collection, Iterator
from io import FileIO
from pathlib import Path
from typing import Protocol

from agent.model.ids import Digest, JobId
from agent.server.problems import ProblemError
from agent.server.store.transaction import JOB_ID
from agent.server.store.uploads import Upload
from agent.wire.problems import ProblemCode

BLOCK = 1024 * 1024
FOLDER = "server-files"
"""Unmistakably ours: a data folder may hold somebody's own `jobs` or `files`."""


class Hash(Protocol):
    def update(self, data: bytes, /) -> None: ...
    def hexdigest(self) -> str: ...
    def copy(self) -> "Hash": ...


class Blobs:
    def __init__(self, folder: Path, reserve_bytes: int) -> None:
        self._jobs = folder / FOLDER
        self._reserve = reserve_bytes

    def path(self, upload: Upload) -> Path:
        job = self._jobs / upload.job_id
        return job / "input" if upload.is_input else job / upload.origin / upload.upload_id

    def part_path(self, upload: Upload) -> Path:
        whole = self.path(upload)
        return whole.with_name(f"{whole.name}.part")

    def check_room(self, length: int) -> None:
        free = self._free()
        if length > free - self._reserve:
            raise ProblemError(
                ProblemCode.DISK_FULL,
                f"no room for {length} bytes: {free} are free, of which {self._reserve} stay"
                " in reserve",
            )

    def has_room(self) -> bool:
        """Is more free than the reserve? Below that no file is taken any more."""
        return self._free() >= self._reserve

    def _free(self) -> int:
        self.prepare()
        return shutil.disk_usage(self._jobs).free

    def prepare(self) -> None:
        """The folder is there, and its name outlives a power cut."""
        if not self._jobs.is_dir():
            self._jobs.mkdir(parents=True, exist_ok=True, mode=0o700)
            sync_folder(self._jobs.parent)

    def publish(self, upload: Upload) -> None:
        """The synced part appears under its final name, whole; repeatable."""
        part, whole = self.part_path(upload), self.path(upload)
        with contextlib.suppress(FileNotFoundError):
            part.rename(whole)
        sync_folder(whole.parent)

    def is_published(self, upload: Upload) -> bool:
        """True after a crash between the rename and the journal, too."""
        whole = self.path(upload)
        return whole.is_file() and whole.stat().st_size == upload.length

    def part_size(self, upload: Upload) -> int:
        part = self.part_path(upload)
        return part.stat().st_size if part.is_file() else 0

    def digest(self, upload: Upload) -> Digest:
        with self.path(upload).open("rb", buffering=0) as file:
            return Digest(_digest_of(file, upload.length).hexdigest())

    def remove_upload(self, upload: Upload) -> None:
        self.part_path(upload).unlink(missing_ok=True)
        self.path(upload).unlink(missing_ok=True)

    def remove_job(self, job_id: JobId) -> None:
        shutil.rmtree(self._jobs / job_id, ignore_errors=True)

    def remove_unknown(self, known: Collection[JobId]) -> None:
        """Folders whose job was forgotten just before a crash; what is not ours stays."""
        for folder in self._jobs.iterdir():
            if JOB_ID.fullmatch(folder.name) and folder.name not in known:
                shutil.rmtree(folder, ignore_errors=True)


class Part:
    """A file that arrives; not thread-safe, and every method blocks."""

    def __init__(self, path: Path, offset: int, digest: Hash | None) -> None:
        """What lies behind `offset` was never acknowledged and is cut off."""
        path.parent.mkdir(parents=True, exist_ok=True)
        is_new = not path.exists()
        self._file = path.open("w+b" if is_new else "r+b", buffering=0)
        if is_new:
            # The names must outlive a power cut, too: origin, job, all jobs.
            for folder in list(path.parents)[:3]:
                sync_folder(folder)
        self.size = offset
        self._file.truncate(offset)
        self.digest = _digest_of(self._file, offset) if digest is None else digest.copy()
        self._file.seek(offset)

    def append(self, block: bytes) -> None:
        with full_disk_told():
            left = memoryview(block)
            while left:
                left = left[self._file.write(left) :]
        self.digest.update(block)
        self.size += len(block)

    def sync(self) -> None:
        with full_disk_told():
            os.fsync(self._file.fileno())

    def roll_back(self, offset: int, digest: Hash | None) -> None:
        self._file.truncate(offset)
        self.digest = _digest_of(self._file, offset) if digest is None else digest
        self._file.seek(offset)
        self.size = offset

    @property
    def sha256(self) -> Digest:
        return Digest(self.digest.hexdigest())

    def close(self) -> None:
        with contextlib.suppress(OSError):  # a full disk was told before
            self._file.close()


@contextlib.contextmanager
def full_disk_told() -> Iterator[None]:
    try:
        yield
    except OSError as error:
        if error.errno in {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}:
            raise ProblemError(ProblemCode.DISK_FULL, "the server's disk is full") from error
        raise


def _digest_of(file: FileIO, length: int) -> Hash:
    digest = hashlib.sha256()
    file.seek(0)
    left = length
    while left > 0 and (block := file.read(min(BLOCK, left))):
        digest.update(block)
        left -= len(block)
    return digest


def sync_folder(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
