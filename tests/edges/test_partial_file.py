import asyncio
import hashlib
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import pytest

from agent.edges.partial_file import BATCH, PartialFile
from agent.model.errors import DiskFullError, SpoolError

pytestmark = pytest.mark.real_time

FULL = Path("/dev/full")
"""A device that takes no byte: the kernel's own full disk."""


@asynccontextmanager
async def partial(path: Path) -> AsyncIterator[PartialFile]:
    file = PartialFile(path)
    try:
        yield file
    finally:
        file.close()


def sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


async def test_a_new_file_is_empty(tmp_path: Path) -> None:
    async with partial(tmp_path / "a") as file:
        assert (file.length, file.etag) == (0, None)
        assert await file.digest() == sha256(b"")


async def test_bytes_follow_each_other(tmp_path: Path) -> None:
    async with partial(tmp_path / "a") as file:
        for chunk in (b"abc", b"", b"def"):
            await file.append(chunk)
        await file.flush()

        assert (tmp_path / "a").read_bytes() == b"abcdef"


async def test_the_length_counts_what_is_not_yet_written(tmp_path: Path) -> None:
    async with partial(tmp_path / "a") as file:
        await file.append(b"abc")

        assert file.length == 3
        assert (tmp_path / "a").stat().st_size == 0


async def test_bytes_are_written_in_batches(tmp_path: Path) -> None:
    async with partial(tmp_path / "a") as file:
        for _ in range(3):
            await file.append(b"a" * (BATCH // 2))

        assert (tmp_path / "a").stat().st_size == BATCH
        assert file.length == BATCH + BATCH // 2


async def test_the_digest_is_that_of_all_bytes(tmp_path: Path) -> None:
    content = os.urandom(BATCH + 5)

    async with partial(tmp_path / "a") as file:
        await file.append(content[:BATCH])
        await file.append(content[BATCH:])

        assert await file.digest() == sha256(content)


async def test_a_digest_does_not_end_the_file(tmp_path: Path) -> None:
    async with partial(tmp_path / "a") as file:
        await file.append(b"abc")
        await file.digest()
        await file.append(b"def")

        assert await file.digest() == sha256(b"abcdef")


async def test_a_restart_forgets_everything(tmp_path: Path) -> None:
    async with partial(tmp_path / "a") as file:
        await file.append(b"old bytes")
        await file.flush()
        await file.append(b"and more")

        await file.restart('"v2"')

        assert (file.length, file.etag) == (0, '"v2"')
        assert (tmp_path / "a").read_bytes() == b""


async def test_a_restarted_file_holds_only_the_new_version(tmp_path: Path) -> None:
    async with partial(tmp_path / "a") as file:
        await file.append(b"a longer old version")
        await file.flush()
        await file.restart('"v2"')
        await file.append(b"new")

        assert await file.digest() == sha256(b"new")
        assert (tmp_path / "a").read_bytes() == b"new"


async def test_a_sealed_file_appears_whole_under_its_final_name(tmp_path: Path) -> None:
    async with partial(tmp_path / "a.part") as file:
        await file.append(b"abc")
        assert not (tmp_path / "a").exists()

        await file.seal(tmp_path / "a")

    assert not (tmp_path / "a.part").exists()
    assert (tmp_path / "a").read_bytes() == b"abc"


async def test_what_lay_there_before_is_gone(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"of an older start")

    async with partial(tmp_path / "a") as file:
        await file.append(b"abc")
        await file.flush()

    assert (tmp_path / "a").read_bytes() == b"abc"


async def test_a_link_in_its_place_is_not_followed(tmp_path: Path) -> None:
    (tmp_path / "secret").write_bytes(b"secret")
    (tmp_path / "a").symlink_to(tmp_path / "secret")

    with pytest.raises(OSError, match="symbolic links"):
        PartialFile(tmp_path / "a")

    assert (tmp_path / "secret").read_bytes() == b"secret"


async def test_a_file_is_its_owners_alone(tmp_path: Path) -> None:
    async with partial(tmp_path / "a"):
        assert (tmp_path / "a").stat().st_mode & 0o777 == 0o600


async def test_a_full_disk_is_told() -> None:
    async with partial(FULL) as file:
        await file.append(b"abc")

        with pytest.raises(DiskFullError, match="no space left on the disk for the input"):
            await file.flush()


async def test_bytes_that_did_not_fit_do_not_count() -> None:
    async with partial(FULL) as file:
        await file.append(b"abc")
        with pytest.raises(DiskFullError):
            await file.flush()

        assert file.length == 0
        assert await file.digest() == sha256(b"")


async def test_a_full_disk_is_noticed_with_the_batch() -> None:
    async with partial(FULL) as file:
        with pytest.raises(DiskFullError):
            await file.append(b"a" * BATCH)


async def test_closing_twice_closes_nobody_elses_file(tmp_path: Path) -> None:
    file = PartialFile(tmp_path / "a")
    file.close()

    with (tmp_path / "b").open("wb") as other:
        file.close()
        other.write(b"still open")

    assert (tmp_path / "b").read_bytes() == b"still open"


async def test_a_closed_file_takes_nothing(tmp_path: Path) -> None:
    file = PartialFile(tmp_path / "a")
    file.close()
    await file.append(b"abc")

    with pytest.raises(SpoolError, match="cannot use the input"):
        await file.flush()


async def test_a_file_is_not_closed_under_a_write_that_was_cancelled(tmp_path: Path) -> None:
    """Its number could already be that of another job's input."""
    path, first, second = tmp_path / "a", b"a" * (BATCH - 1), bytes(32 * BATCH)
    file = PartialFile(path)
    await file.append(first)
    writing = asyncio.create_task(file.append(second))
    while path.stat().st_size < len(first):
        await asyncio.sleep(0.001)

    writing.cancel()
    with suppress(asyncio.CancelledError):
        await writing
    file.close()

    assert path.stat().st_size == len(first) + len(second)
