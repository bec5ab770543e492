import asyncio
import errno
import fcntl
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from agent.edges.spool import DiskSpool
from agent.model.errors import ConfigError, DiskFullError, SpoolError
from tests.edges.server import an_offer

pytestmark = pytest.mark.real_time

AGENT = """
import sys, time
from pathlib import Path
from agent.edges.spool import DiskSpool

print(DiskSpool(Path(sys.argv[1])).boot_seq, flush=True)
time.sleep(60)
"""


@contextmanager
def spool_at(root: Path) -> Iterator[DiskSpool]:
    spool = DiskSpool(root)
    try:
        yield spool
    finally:
        spool.close()


def boot_at(root: Path) -> int:
    with spool_at(root) as spool:
        return spool.boot_seq


def files_below(root: Path) -> set[str]:
    return {str(path.relative_to(root)) for path in root.rglob("*") if path.is_file()}


def name_of(path: str) -> str:
    return Path(path).parent.name


def test_the_first_start_has_the_first_boot_number(tmp_path: Path) -> None:
    with spool_at(tmp_path / "spool") as spool:
        assert (spool.boot_seq, spool.is_new) == (1, True)


def test_the_boot_number_rises_at_every_start(tmp_path: Path) -> None:
    assert [boot_at(tmp_path) for _ in range(3)] == [1, 2, 3]


def test_a_second_start_is_not_new(tmp_path: Path) -> None:
    boot_at(tmp_path)

    with spool_at(tmp_path) as spool:
        assert not spool.is_new


def test_a_boot_number_that_was_adopted_is_on_disk(tmp_path: Path) -> None:
    with spool_at(tmp_path) as spool:
        spool.adopt_boot(41)
        assert spool.boot_seq == 41

    assert boot_at(tmp_path) == 42


def test_the_boot_number_survives_a_kill(tmp_path: Path) -> None:
    numbers: list[bytes] = []
    for _ in range(2):
        agent = subprocess.Popen(
            [sys.executable, "-c", AGENT, str(tmp_path)], stdout=subprocess.PIPE
        )
        with agent:
            assert agent.stdout is not None
            numbers.append(agent.stdout.readline())
            agent.send_signal(signal.SIGKILL)

    assert numbers == [b"1\n", b"2\n"]
    assert boot_at(tmp_path) == 3


@pytest.mark.parametrize(
    "torn",
    [
        b"",
        b'{"boot_se',
        b"[]",
        b"null",
        b"{}",
        b'{"boot_seq": "many"}',
        b'{"boot_seq": null}',
        b'{"boot_seq": -7}',
        b'{"boot_seq": Infinity}',
        b'{"boot_seq": 1e300}',
        b'{"boot_seq": 9007199254740992}',
        b"\xff\x00",
    ],
)
def test_a_torn_boot_number_begins_anew_and_asks_the_server(tmp_path: Path, torn: bytes) -> None:
    boot_at(tmp_path)
    (tmp_path / "morag-spool.json").write_bytes(torn)

    with spool_at(tmp_path) as spool:
        assert (spool.boot_seq, spool.is_new) == (1, True)


def test_a_second_agent_is_refused_in_a_clear_sentence(tmp_path: Path) -> None:
    with spool_at(tmp_path), pytest.raises(ConfigError) as caught:
        DiskSpool(tmp_path)

    assert str(caught.value) == (
        f"another agent uses the spool folder {tmp_path}: stop it, "
        "or give this one a folder of its own with --spool"
    )


def test_a_lock_that_a_dying_child_still_holds_is_waited_for(tmp_path: Path) -> None:
    boot_at(tmp_path)
    with (tmp_path / "lock").open() as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        threading.Timer(0.3, fcntl.flock, (lock, fcntl.LOCK_UN)).start()

        assert boot_at(tmp_path) == 2


def test_a_refused_agent_leaves_the_first_ones_jobs_alone(tmp_path: Path) -> None:
    with spool_at(tmp_path) as spool:
        (tmp_path / "held" / "held").mkdir()
        with pytest.raises(ConfigError):
            DiskSpool(tmp_path)

        assert (tmp_path / "held" / "held").exists()
        assert spool.boot_seq == 1


def test_a_folder_is_free_again_when_its_agent_has_gone(tmp_path: Path) -> None:
    boot_at(tmp_path)

    assert boot_at(tmp_path) == 2


def test_a_folder_with_other_things_in_it_is_refused_and_left_as_it_is(tmp_path: Path) -> None:
    (tmp_path / "held").mkdir()
    (tmp_path / "held" / "thesis").write_bytes(b"years")

    with pytest.raises(ConfigError, match="holds other things and is no spool"):
        DiskSpool(tmp_path)

    assert files_below(tmp_path) == {"held/thesis"}


def test_a_start_that_was_cut_short_can_be_repeated(tmp_path: Path) -> None:
    (tmp_path / "lock").touch()
    (tmp_path / "morag-spool.json.new").touch()

    assert boot_at(tmp_path) == 1


def test_a_spool_where_a_file_lies_is_told(tmp_path: Path) -> None:
    (tmp_path / "spool").write_bytes(b"a file")

    with pytest.raises(SpoolError, match=f"cannot use the spool folder {tmp_path}/spool"):
        DiskSpool(tmp_path / "spool")


def test_free_space_is_that_of_the_spools_file_system(tmp_path: Path) -> None:
    system = os.statvfs(tmp_path)

    with spool_at(tmp_path) as spool:
        assert spool.free() == pytest.approx(system.f_bavail * system.f_frsize, rel=0.2)


@pytest.mark.parametrize("lease_id", ["../../etc", "/etc/passwd", "a" * 500, "", "ü/\x00"])
async def test_a_lease_id_never_becomes_a_path(tmp_path: Path, lease_id: str) -> None:
    with spool_at(tmp_path) as spool:
        folder = await spool.open_job(an_offer(lease_id))
        await folder.input.append(b"abc")

        path = await folder.seal_input()

        assert f"{tmp_path}/held/{name_of(path)}/input" == path
        assert files_below(tmp_path / "held") == {
            f"{name_of(path)}/input",
            f"{name_of(path)}/journal.json",
        }


def test_a_spool_is_its_owners_alone(tmp_path: Path) -> None:
    boot_at(tmp_path / "spool")

    found = [tmp_path / "spool", *(tmp_path / "spool").iterdir()]
    assert {path.stat().st_mode & 0o077 for path in found} == {0}
    assert {path.name for path in found[1:]} == {
        *("lock", "morag-spool.json"),
        *("held", "kept", "aside", "trash"),
    }


def test_a_spool_may_lie_behind_a_link(tmp_path: Path) -> None:
    (tmp_path / "disk").mkdir()
    (tmp_path / "spool").symlink_to(tmp_path / "disk")

    assert [boot_at(tmp_path / "spool") for _ in range(2)] == [1, 2]


def test_a_spool_is_made_with_all_folders_above_it(tmp_path: Path) -> None:
    assert boot_at(tmp_path / "a" / "b" / "spool") == 1


def test_a_start_that_fails_leaves_the_folder_free(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with monkeypatch.context() as broken:
        broken.setattr(os, "fsync", full)
        with pytest.raises(DiskFullError, match="no space left on the disk for the spool folder"):
            DiskSpool(tmp_path)

    assert boot_at(tmp_path) == 1


def test_a_spool_of_the_version_before_is_taken_over(tmp_path: Path) -> None:
    """It kept no journals: what lay in its folders cannot be gone on with."""
    (tmp_path / "morag-spool.json").write_bytes(b'{"version": 1, "boot_seq": 7}')
    (tmp_path / "lock").touch()
    (tmp_path / "held" / "name").mkdir(parents=True)
    (tmp_path / "held" / "name" / "input.part").write_bytes(b"old")

    with spool_at(tmp_path) as spool:
        assert asyncio.run(spool.held()) == ()
        assert spool.boot_seq == 8

    assert [path.name for path in (tmp_path / "held").iterdir()] == []
