"""The files of a client's jobs: inputs up, artifacts down, both going on where they were cut."""

import asyncio
import hashlib
import os
from collections.abc import Callable
from pathlib import Path

from agent.edges.downloads import HttpInputSource
from agent.edges.tus import TusClient
from agent.model.errors import (
    InputCorruptError,
    OffsetMismatchError,
    ServerUnavailableError,
    TooLargeError,
)
from agent.model.ids import Bytes
from agent.ports import NothingLeft, Part
from agent.wire.leases import ManifestLine

PART = 8 * 1024 * 1024
SMALLEST_PART = 64 * 1024
TRIES = 5
"""In a row without a byte of progress; then the person is told."""
REST = 1.0
"""Seconds after the first failure; doubled by each that follows."""

OnBytes = Callable[[int], None]
"""Called with the number of bytes done so far."""


async def send(tus: TusClient, url: str, file: Path, size: int, on_bytes: OnBytes) -> None:
    """Upload what the server does not have yet of `size` bytes."""
    offset = await tus.offset(url)
    part, failures, restarts = PART, 0, 0
    while offset < size:
        before = offset
        try:
            offset = await tus.append(url, offset, _read(file, offset, part))
            failures = 0
        except TooLargeError:
            part = _smaller(part)
        except (OffsetMismatchError, ServerUnavailableError) as error:
            failures += 1
            await _rest(failures, error)
            offset = await _where(tus, url, before)
            was_refused = isinstance(error, OffsetMismatchError) and before + part >= size
            restarts += was_refused and offset == 0
            if restarts > 1:
                raise InputCorruptError(f"{file} changed while it was sent") from error
        on_bytes(offset)


def _smaller(part: int) -> int:
    if part <= SMALLEST_PART:
        raise ServerUnavailableError(
            f"something on the way refuses even {part} bytes at once", answered=True
        )
    return part // 2


async def _where(tus: TusClient, url: str, guess: Bytes) -> Bytes:
    """The server's word; while it does not answer, our guess, which it will correct."""
    try:
        return await tus.offset(url)
    except ServerUnavailableError:
        return guess


async def _rest(failures: int, error: Exception) -> None:
    if failures >= TRIES:
        raise error
    await asyncio.sleep(REST * 2 ** (failures - 1))


def _read(file: Path, offset: int, length: int) -> bytes:
    with file.open("rb") as source:
        source.seek(offset)
        return source.read(length)


class _PartFile:
    """What has come of an artifact so far; it stays for the next try, and the next call."""

    def __init__(self, target: Path) -> None:
        self._target = target
        self._path = target.with_name(target.name + ".part")
        self._path.parent.mkdir(parents=True, exist_ok=True)
        self._path.touch()

    @property
    def size(self) -> int:
        return self._path.stat().st_size

    def empty(self) -> None:
        os.truncate(self._path, 0)

    def append(self, chunk: bytes) -> int:
        with self._path.open("ab") as sink:
            sink.write(chunk)
            return sink.tell()

    def digest(self) -> str:
        with self._path.open("rb") as source:
            return hashlib.file_digest(source, "sha256").hexdigest()

    def put_in_place(self) -> None:
        with self._path.open("rb") as whole:
            os.fsync(whole.fileno())
        self._path.replace(self._target)


async def fetch(
    source: HttpInputSource, url: str, line: ManifestLine, target: Path, on_bytes: OnBytes
) -> None:
    """Download one artifact; `target` appears whole and with the right digest, or not at all."""
    part = _PartFile(target)
    for _ in range(2):
        await _complete(source, url, part, line.size, on_bytes)
        if part.digest() == line.sha256:
            part.put_in_place()
            return
        part.empty()
    raise InputCorruptError(f"{line.name} came twice with another digest than the manifest's")


async def _complete(
    source: HttpInputSource, url: str, part: _PartFile, size: int, on_bytes: OnBytes
) -> None:
    failures = 0
    while (have := part.size) < size:
        try:
            await _go_on(source, url, part, on_bytes)
        except ServerUnavailableError as error:
            failures = 1 if part.size > have else failures + 1
            await _rest(failures, error)


async def _go_on(source: HttpInputSource, url: str, part: _PartFile, on_bytes: OnBytes) -> None:
    have = part.size
    async with source.open(url, offset=have, etag=None) as body:
        if isinstance(body.opened, NothingLeft):
            raise ServerUnavailableError(
                "the server has less of the file than it said", answered=True
            )
        if not (isinstance(body.opened, Part) and body.opened.start == have):
            part.empty()
        async for chunk in body.chunks():
            on_bytes(part.append(chunk))
    if part.size <= have:
        raise ServerUnavailableError("the server sent nothing", answered=True)
