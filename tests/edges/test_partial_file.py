import asyncio
import errno
import hashlib
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from random import Random
from typing import Any

import pytest

from agent.edges import input_note
from agent.edges.input_note import machine_boot
from agent.edges.part_on_disk import CHECKPOINT, PartOnDisk
from agent.edges.partial_file import BATCH, PartialFile
from agent.model.errors import DiskFullError, SpoolError
from agent.model.ids import Bytes

pytestmark = pytest.mark.real_time

BOOT = "a boot of the machine"

APPEND_FOR_EVER = """
import asyncio, random, sys
from pathlib import Path
from agent.edges.input_note import machine_boot
from agent.edges.part_on_disk import PartOnDisk
from agent.edges.partial_file import PartialFile

async def main():
    file = PartialFile(PartOnDisk(Path(sys.argv[1]), machine_boot(), checkpoint=5 * 2**20))
    await file.restart('"v1"')
    print("ready", flush=True)
    source = random.Random(0)
    while True:
        await file.append(source.randbytes(2**16))

asyncio.run(main())
"""


@contextmanager
def partial(
    folder: Path, boot: str = BOOT, *, size: int | None = None, checkpoint: int = CHECKPOINT
) -> Iterator[PartialFile]:
    known = None if size is None else Bytes(size)
    file = PartialFile(PartOnDisk(folder, boot, size=known, checkpoint=checkpoint))
    try:
        yield file
    finally:
        file.close()


async def started(folder: Path, content: bytes, **how: Any) -> None:
    """What an earlier start left."""
    with partial(folder, **how) as file:
        await file.restart('"v1"')
        for at in range(0, len(content), 5):
            await file.append(content[at : at + 5])
            await file.flush()


def sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def note_in(folder: Path) -> dict[str, Any]:
    note: dict[str, Any] = json.loads((folder / "input.part.json").read_bytes())
    return note


def names_in(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir()}


async def test_a_new_file_is_empty(tmp_path: Path) -> None:
    with partial(tmp_path) as file:
        assert (file.length, file.etag, file.is_sealed) == (0, None, False)
        assert await file.digest() == sha256(b"")


async def test_nothing_is_made_before_the_first_byte(tmp_path: Path) -> None:
    with partial(tmp_path) as file:
        assert file.length == 0

    assert names_in(tmp_path) == set()


async def test_bytes_follow_each_other(tmp_path: Path) -> None:
    with partial(tmp_path) as file:
        for chunk in (b"abc", b"", b"def"):
            await file.append(chunk)
        await file.flush()

        assert (tmp_path / "input.part").read_bytes() == b"abcdef"


async def test_the_length_counts_what_is_not_yet_written(tmp_path: Path) -> None:
    with partial(tmp_path) as file:
        await file.restart(None)
        await file.append(b"abc")

        assert file.length == 3
        assert (tmp_path / "input.part").stat().st_size == 0


async def test_bytes_are_written_in_batches(tmp_path: Path) -> None:
    with partial(tmp_path) as file:
        for _ in range(3):
            await file.append(b"a" * (BATCH // 2))

        assert (tmp_path / "input.part").stat().st_size == BATCH
        assert file.length == BATCH + BATCH // 2


async def test_the_digest_is_that_of_all_bytes(tmp_path: Path) -> None:
    content = os.urandom(BATCH + 5)

    with partial(tmp_path) as file:
        await file.append(content[:BATCH])
        await file.append(content[BATCH:])

        assert await file.digest() == sha256(content)


async def test_a_digest_does_not_end_the_file(tmp_path: Path) -> None:
    with partial(tmp_path) as file:
        await file.append(b"abc")
        await file.digest()
        await file.append(b"def")

        assert await file.digest() == sha256(b"abcdef")


async def test_a_restart_forgets_everything(tmp_path: Path) -> None:
    with partial(tmp_path) as file:
        await file.append(b"old bytes")
        await file.flush()
        await file.append(b"and more")

        await file.restart('"v2"')

        assert (file.length, file.etag) == (0, '"v2"')
        assert (tmp_path / "input.part").read_bytes() == b""


async def test_a_restarted_file_holds_only_the_new_version(tmp_path: Path) -> None:
    with partial(tmp_path) as file:
        await file.append(b"a longer old version")
        await file.flush()
        await file.restart('"v2"')
        await file.append(b"new")

        assert await file.digest() == sha256(b"new")
        assert (tmp_path / "input.part").read_bytes() == b"new"


async def test_the_version_is_on_disk_before_its_first_byte(tmp_path: Path) -> None:
    await started(tmp_path, b"old version")

    with partial(tmp_path) as file:
        await file.restart('"v2"')

        assert note_in(tmp_path) == {"etag": '"v2"', "synced": 0, "machine_boot": BOOT}
        assert (tmp_path / "input.part").stat().st_size == 0


async def test_a_file_is_its_owners_alone(tmp_path: Path) -> None:
    await started(tmp_path, b"abc")

    modes = {name: (tmp_path / name).stat().st_mode & 0o777 for name in names_in(tmp_path)}
    assert modes == {"input.part": 0o600, "input.part.json": 0o600}


async def test_after_a_kill_every_written_byte_counts(tmp_path: Path) -> None:
    await started(tmp_path, b"0123456789ab")

    with partial(tmp_path) as file:
        assert (file.length, file.etag) == (12, '"v1"')
        await file.append(b"cd")

        assert await file.digest() == sha256(b"0123456789abcd")
        assert (tmp_path / "input.part").read_bytes() == b"0123456789abcd"


async def test_after_a_power_cut_only_synced_bytes_count(tmp_path: Path) -> None:
    await started(tmp_path, b"0123456789ab", checkpoint=10)
    assert note_in(tmp_path)["synced"] == 10

    with partial(tmp_path, "the next boot") as file:
        assert (file.length, file.etag) == (10, '"v1"')
        await file.append(b"XY")

        assert await file.digest() == sha256(b"0123456789XY")
        assert (tmp_path / "input.part").read_bytes() == b"0123456789XY"


async def test_after_a_power_cut_the_file_may_be_shorter_than_it_was_synced(tmp_path: Path) -> None:
    await started(tmp_path, b"0123456789ab", checkpoint=10)
    os.truncate(tmp_path / "input.part", 7)

    with partial(tmp_path, "the next boot") as file:
        assert file.length == 7
        await file.append(b"789")
        await file.flush()
    with partial(tmp_path, "and the one after") as file:
        assert file.length == 7


async def test_a_kill_after_a_power_cut_costs_no_more(tmp_path: Path) -> None:
    """What could not be trusted is gone by then, and what follows belongs to the new boot."""
    await started(tmp_path, b"0123456789ab", checkpoint=10)
    with partial(tmp_path, "the next boot") as file:
        await file.append(b"XYZ")
        await file.flush()

    with partial(tmp_path, "the next boot") as file:
        assert file.length == 13
        assert await file.digest() == sha256(b"0123456789XYZ")


async def test_two_power_cuts_trust_what_the_first_left(tmp_path: Path) -> None:
    await started(tmp_path, b"0123456789ab", checkpoint=10)
    with partial(tmp_path, "the next boot") as file:
        await file.append(b"XYZ")
        await file.flush()

    with partial(tmp_path, "and the one after") as file:
        assert await file.digest() == sha256(b"0123456789")


async def test_a_machine_that_names_no_boot_may_have_lost_its_power(tmp_path: Path) -> None:
    await started(tmp_path, b"0123456789ab", boot="", checkpoint=10)

    with partial(tmp_path, "") as file:
        assert file.length == 10


async def test_bytes_are_synced_now_and_then(tmp_path: Path) -> None:
    synced = []

    with partial(tmp_path, checkpoint=10) as file:
        await file.restart('"v1"')
        for _ in range(8):
            await file.append(b"1234")
            await file.flush()
            synced.append(note_in(tmp_path)["synced"])

    assert synced == [0, 0, 12, 12, 12, 24, 24, 24]


@pytest.mark.parametrize(
    "torn",
    [
        None,
        b"",
        b"\x00" * 64,
        b"[" * 100_000,
        b'{"etag": "\\"v1\\"", "synced": 0}',
        b'{"etag": 1, "synced": 0, "machine_boot": "a boot of the machine"}',
        b'{"etag": null, "synced": -1, "machine_boot": "a boot of the machine"}',
        b'{"etag": null, "synced": "0", "machine_boot": "a boot of the machine"}',
    ],
)
async def test_bytes_without_a_note_of_their_version_do_not_count(
    tmp_path: Path, torn: bytes | None
) -> None:
    await started(tmp_path, b"0123456789")
    if torn is None:
        (tmp_path / "input.part.json").unlink()
    else:
        (tmp_path / "input.part.json").write_bytes(torn)

    with partial(tmp_path) as file:
        assert (file.length, file.etag) == (0, None)
        await file.append(b"abc")

        assert await file.digest() == sha256(b"abc")
        assert (tmp_path / "input.part").read_bytes() == b"abc"


async def test_a_note_without_bytes_is_an_empty_file(tmp_path: Path) -> None:
    await started(tmp_path, b"0123456789", checkpoint=5)
    (tmp_path / "input.part").unlink()

    with partial(tmp_path) as file:
        assert (file.length, file.etag) == (0, '"v1"')
        assert await file.digest() == sha256(b"")


async def test_a_file_that_shrinks_under_us_has_no_digest(tmp_path: Path) -> None:
    await started(tmp_path, b"0123456789")

    with partial(tmp_path) as file:
        os.truncate(tmp_path / "input.part", 4)

        with pytest.raises(SpoolError, match="cannot use the input: it has been cut short"):
            await file.digest()


@pytest.mark.parametrize("name", ["input.part", "input.part.json", "input"])
async def test_a_link_in_its_place_is_not_followed(tmp_path: Path, name: str) -> None:
    secret, job = tmp_path / "secret", tmp_path / "job"
    secret.write_bytes(b"secret")
    job.mkdir()
    await started(job, b"0123456789")
    (job / name).unlink(missing_ok=True)
    (job / name).symlink_to(secret)

    with partial(job) as file:
        await file.restart('"v1"')
        await file.append(b"abc")
        path = await file.seal()

    assert secret.read_bytes() == b"secret"
    assert not path.is_symlink()
    assert path.read_bytes() == b"abc"


async def test_a_folder_in_its_place_makes_way(tmp_path: Path) -> None:
    (tmp_path / "input.part").mkdir()
    (tmp_path / "input").mkdir()

    with partial(tmp_path) as file:
        await file.append(b"abc")
        path = await file.seal()

    assert path.read_bytes() == b"abc"


async def test_a_sealed_file_appears_whole_under_its_final_name(tmp_path: Path) -> None:
    with partial(tmp_path) as file:
        await file.append(b"abc")
        assert not (tmp_path / "input").exists()

        path = await file.seal()

    assert path == tmp_path / "input"
    assert names_in(tmp_path) == {"input"}
    assert path.read_bytes() == b"abc"


async def test_an_empty_file_can_be_sealed(tmp_path: Path) -> None:
    with partial(tmp_path) as file:
        assert (await file.seal()).read_bytes() == b""


async def test_a_sealed_file_is_known_to_the_next_start(tmp_path: Path) -> None:
    await started(tmp_path, b"0123456789")
    with partial(tmp_path) as file:
        await file.seal()

    with partial(tmp_path, "the next boot", size=10) as file:
        assert (file.length, file.is_sealed) == (10, True)
        assert await file.digest() == sha256(b"0123456789")
        assert await file.seal() == tmp_path / "input"


async def test_a_sealed_file_of_another_size_does_not_count(tmp_path: Path) -> None:
    await started(tmp_path, b"0123456789")
    with partial(tmp_path) as file:
        await file.seal()

    with partial(tmp_path, size=11) as file:
        assert (file.length, file.is_sealed) == (0, False)
        await file.append(b"0123456789a")
        path = await file.seal()

    assert path.read_bytes() == b"0123456789a"


async def test_a_sealed_file_takes_nothing(tmp_path: Path) -> None:
    with partial(tmp_path) as file:
        await file.append(b"abc")
        await file.seal()

        await file.append(b"def")
        with pytest.raises(SpoolError, match="the input is sealed"):
            await file.flush()
        with pytest.raises(SpoolError, match="the input is sealed"):
            await file.restart(None)

        assert (tmp_path / "input").read_bytes() == b"abc"


class FullDisk:
    """Takes so many bytes more, and not one above."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, room: int) -> None:
        self.room = room
        self._pwrite = os.pwrite
        monkeypatch.setattr(os, "pwrite", self)

    def __call__(self, fd: int, data: memoryview, offset: int) -> int:
        if not self.room:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        count = self._pwrite(fd, data[: self.room], offset)
        self.room -= count
        return count


async def test_a_full_disk_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    FullDisk(monkeypatch, room=0)
    with partial(tmp_path) as file:
        await file.append(b"abc")

        with pytest.raises(DiskFullError, match="no space left on the disk for the input"):
            await file.flush()


async def test_a_full_disk_is_noticed_with_the_batch(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    FullDisk(monkeypatch, room=BATCH - 1)
    with partial(tmp_path) as file, pytest.raises(DiskFullError):
        await file.append(b"a" * BATCH)


async def test_a_batch_that_does_not_fit_does_not_count(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with partial(tmp_path) as file:
        await file.append(b"0123")
        await file.flush()
        disk = FullDisk(monkeypatch, room=3)
        await file.append(b"45")
        await file.append(b"67")
        with pytest.raises(DiskFullError):
            await file.flush()
        assert file.length == 4
        assert await file.digest() == sha256(b"0123")

        disk.room = 100
        path = await file.seal()

        assert path.read_bytes() == b"0123"


async def test_a_start_after_a_batch_that_broke_goes_on_behind_the_last_byte_of_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    disk = FullDisk(monkeypatch, room=3)
    with partial(tmp_path) as file:
        await file.restart('"v1"')
        await file.append(b"01234")
        with pytest.raises(DiskFullError):
            await file.flush()

    disk.room = 100
    with partial(tmp_path) as file:
        assert await file.digest() == sha256(b"012")


async def test_bytes_that_could_not_be_synced_do_not_count(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The system tells of lost pages once: another sync would succeed and prove nothing."""

    def fail(_: int) -> None:
        raise OSError(errno.EIO, os.strerror(errno.EIO))

    with partial(tmp_path, checkpoint=10) as file:
        await file.restart('"v1"')
        await file.append(b"0123456789")
        with monkeypatch.context() as broken:
            broken.setattr(os, "fdatasync", fail)
            with pytest.raises(SpoolError, match="cannot use the input"):
                await file.flush()

        assert (file.length, file.etag) == (0, '"v1"')
        assert (tmp_path / "input.part").stat().st_size == 0
        for change in (file.append(b"0123456789" * BATCH), file.seal()):
            with pytest.raises(SpoolError, match="it has to begin again"):
                await change

        await file.restart('"v1"')
        await file.append(b"0123456789")
        assert await file.digest() == sha256(b"0123456789")


async def test_closing_twice_closes_nobody_elses_file(tmp_path: Path) -> None:
    file = PartialFile(PartOnDisk(tmp_path, BOOT))
    await file.restart(None)
    file.close()

    with (tmp_path / "b").open("wb") as other:
        file.close()
        other.write(b"still open")

    assert (tmp_path / "b").read_bytes() == b"still open"


async def test_a_closed_file_takes_nothing(tmp_path: Path) -> None:
    file = PartialFile(PartOnDisk(tmp_path, BOOT))
    file.close()
    await file.append(b"abc")

    with pytest.raises(SpoolError, match="cannot use the input"):
        await file.flush()


async def test_a_file_is_not_closed_under_a_write_that_was_cancelled(tmp_path: Path) -> None:
    """Its number could already be that of another job's input."""
    path, first, second = tmp_path / "input.part", b"a" * (BATCH - 1), bytes(32 * BATCH)
    file = PartialFile(PartOnDisk(tmp_path, BOOT))
    await file.restart(None)
    await file.append(first)
    writing = asyncio.create_task(file.append(second))
    while path.stat().st_size < len(first):
        await asyncio.sleep(0.001)

    writing.cancel()
    with suppress(asyncio.CancelledError):
        await writing
    file.close()

    assert path.stat().st_size == len(first) + len(second)


async def test_closing_does_not_wait_for_a_long_digest(tmp_path: Path) -> None:
    await started(tmp_path, b"0123456789")
    os.truncate(tmp_path / "input.part", 2**42)
    with partial(tmp_path) as file:
        digest = asyncio.create_task(file.digest())
        await asyncio.sleep(0.01)

        before = time.monotonic()
        file.close()

        assert time.monotonic() - before < 5
        with pytest.raises(SpoolError, match="cannot use the input"):
            await digest


def test_a_machine_tells_its_boot(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert len(machine_boot()) == 36
    assert machine_boot() == machine_boot()

    monkeypatch.setattr(input_note, "BOOT_ID", tmp_path / "nowhere")
    assert machine_boot() == ""


def kill_a_download(folder: Path, *, at_least: int) -> None:
    part = folder / "input.part"
    agent = subprocess.Popen(
        [sys.executable, "-c", APPEND_FOR_EVER, str(folder)], stdout=subprocess.PIPE
    )
    with agent:
        assert agent.stdout is not None
        assert agent.stdout.readline() == b"ready\n"
        while part.stat().st_size < at_least:
            time.sleep(0.001)
        agent.send_signal(signal.SIGKILL)


async def test_a_killed_download_goes_on_at_its_last_byte(tmp_path: Path) -> None:
    content = Random(0).randbytes(64 * BATCH)
    kill_a_download(tmp_path, at_least=12 * BATCH)

    with partial(tmp_path, machine_boot(), size=len(content)) as file:
        length = file.length
        assert length == (tmp_path / "input.part").stat().st_size >= 12 * BATCH
        assert file.etag == '"v1"'
        assert await file.digest() == sha256(content[:length])
        await file.append(content[length:])
        path = await file.seal()

    assert sha256(path.read_bytes()) == sha256(content)


async def test_a_killed_download_whose_machine_lost_power_too_goes_on_at_a_checkpoint(
    tmp_path: Path,
) -> None:
    content = Random(0).randbytes(64 * BATCH)
    kill_a_download(tmp_path, at_least=12 * BATCH)

    with partial(tmp_path, "the next boot", size=len(content)) as file:
        assert file.length == note_in(tmp_path)["synced"] >= 10 * BATCH
        assert await file.digest() == sha256(content[: file.length])
