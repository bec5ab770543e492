"""Refuses ZIP files that would fill the memory, by their directory alone: nothing is unpacked."""

import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from errno import EINVAL
from pathlib import Path

from agent.model.ids import Bytes
from agent.pipelines.errors import MediaUnreadableError, TooLargeError

MAX_UNPACKED = Bytes(200 * 1024**2)
MAX_RATIO = 200
"""Of one file that is larger than a page of text; real documents stay below 50."""
MAX_ENTRIES = 5000
_BROKEN = (zipfile.BadZipFile, zlib.error, EOFError, KeyError, RuntimeError)
"""What `zipfile` raises; the last where a part is encrypted, or packed in an unknown way."""
_IS_BROKEN = "the document is a broken ZIP archive; perhaps it was cut off on its way."
_SMALL = Bytes(1024**2)


@contextmanager
def check_archive(file: Path) -> Iterator[zipfile.ZipFile]:
    """Raises `TooLargeError`, or `MediaUnreadableError` where the directory is broken."""
    try:
        with zipfile.ZipFile(file) as archive:
            _check_entries(archive.infolist())
            yield archive
    except _BROKEN as error:
        raise MediaUnreadableError(_IS_BROKEN) from error
    except OSError as error:
        if error.errno != EINVAL:
            raise  # the disk's fault; the other is an offset before the beginning
        raise MediaUnreadableError(_IS_BROKEN) from error


def _check_entries(entries: list[zipfile.ZipInfo]) -> None:
    if len(entries) > MAX_ENTRIES:
        raise TooLargeError(
            f"the document has {len(entries)} parts, more than the limit of {MAX_ENTRIES}."
        )
    unpacked = sum(entry.file_size for entry in entries)
    if unpacked > MAX_UNPACKED:
        raise TooLargeError(
            f"the document unpacks to {unpacked // 1024**2} MiB,"
            f" more than the limit of {MAX_UNPACKED // 1024**2} MiB."
        )
    for entry in entries:
        if entry.file_size > _SMALL and entry.file_size > MAX_RATIO * max(entry.compress_size, 1):
            raise TooLargeError(
                "a part of the document unpacks to more than"
                f" {MAX_RATIO} times its size, as no real document does."
            )
