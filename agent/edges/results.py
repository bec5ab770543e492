"""The result files of one job.

A child wrote them, and media may have taken over the child: no link is followed, and nothing but
a plain file under a name of the protocol is a result.
"""

import hashlib
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from errno import EACCES, ELOOP, ENOENT, ENOTDIR, ENXIO
from pathlib import Path
from typing import BinaryIO

from agent.edges.durable import sync_folder
from agent.model.artifact import ARTIFACT_NAME, Artifact
from agent.model.errors import JobFailedError, SpoolError
from agent.model.failures import FailureCode
from agent.model.ids import Bytes, Digest
from agent.model.work import Produced

HASH_BLOCK = 1024 * 1024
_ABSENT = frozenset({ENOENT, ENOTDIR, ELOOP, ENXIO, EACCES})
"""What the system says where no file of the child's lies; all else is trouble with the disk."""
_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW
# A pipe must not keep us waiting for its other end.
_FILE = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK


def seal(results: Path, produced: Produced) -> tuple[Artifact, ...]:
    """Sync what the child says it wrote; size and digest are those of the synced bytes."""
    names = [name for name, _ in produced.artifacts]
    if len(set(names)) != len(names):
        raise JobFailedError(FailureCode.INTERNAL, "the pipeline named an artifact twice")
    sealed = tuple(_seal_file(results, name, kind) for name, kind in produced.artifacts)
    for folder in {(results / name).parent for name in names} | {results}:
        sync_folder(folder)
    return sealed


def read(results: Path, artifact: Artifact, offset: int, length: int) -> bytes:
    with _opened(results, artifact.name) as file:
        file.seek(offset)
        data = file.read(length)
    if len(data) != length:
        raise SpoolError(f"the result {artifact.name} has been cut short on the disk")
    return data


def damaged(results: Path, manifest: tuple[Artifact, ...]) -> tuple[str, ...]:
    """The names of those that are not there, or not byte for byte what was sealed."""
    return tuple(one.name for one in manifest if not _is_sound(results, one))


def _seal_file(results: Path, name: str, media_type: str) -> Artifact:
    if not ARTIFACT_NAME.fullmatch(name):
        raise JobFailedError(FailureCode.INTERNAL, f"the pipeline named an artifact {name!r}")
    try:
        with _opened(results, name) as file:
            digest = _digest(file)
            os.fsync(file.fileno())
            size = file.tell()
    except OSError as error:
        if error.errno not in _ABSENT:
            raise
        why = f"the pipeline did not write {name}"
        raise JobFailedError(FailureCode.INTERNAL, why) from error
    return Artifact(name, media_type, Bytes(size), digest)


def _is_sound(results: Path, artifact: Artifact) -> bool:
    try:
        with _opened(results, artifact.name) as file:
            # The size first: it costs nothing, and is what a lost write changes.
            has_size = os.fstat(file.fileno()).st_size == artifact.size
            return has_size and _digest(file) == artifact.sha256
    except OSError as error:
        if error.errno not in _ABSENT:
            raise
        return False


def _digest(file: BinaryIO) -> Digest:
    digest = hashlib.sha256()
    while block := file.read(HASH_BLOCK):
        digest.update(block)
    return Digest(digest.hexdigest())


@contextmanager
def _opened(results: Path, name: str) -> Iterator[BinaryIO]:
    """Step by step, so that no folder on the way is a link either."""
    folder, _, plain = name.rpartition("/")
    with _folder(results) as top, _folder(folder or ".", within=top) as parent:
        fd = os.open(plain, _FILE, dir_fd=parent)
        try:
            if not stat.S_ISREG(os.fstat(fd).st_mode):
                raise FileNotFoundError(ENOENT, "no plain file", name)
            with os.fdopen(fd, "rb", closefd=False) as file:
                yield file
        finally:
            os.close(fd)


@contextmanager
def _folder(path: str | Path, within: int | None = None) -> Iterator[int]:
    fd = os.open(path, _FOLDER, dir_fd=within)
    try:
        yield fd
    finally:
        os.close(fd)
