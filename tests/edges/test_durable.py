import errno
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from agent.edges.durable import (
    NotAFileError,
    disk_errors,
    erase,
    move,
    read_whole,
    sync_folder,
    write_whole,
)
from agent.model.errors import DiskFullError, SpoolError

WRITE_FOR_EVER = """
import sys
from pathlib import Path
from agent.edges.durable import write_whole

target = Path(sys.argv[1])
print("ready", flush=True)
while True:
    write_whole(target, b"a" * 4096)
    write_whole(target, b"b" * 8192)
"""


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EDQUOT])
def test_a_full_disk_is_told_apart(number: int) -> None:
    with pytest.raises(DiskFullError, match="no space left on the disk for the input"):
        fail(number)


@pytest.mark.parametrize("number", [errno.EACCES, errno.EIO, errno.EROFS])
def test_any_other_trouble_says_what_the_system_said(number: int) -> None:
    with pytest.raises(SpoolError, match=f"cannot use the input: {os.strerror(number)}") as caught:
        fail(number)

    assert not isinstance(caught.value, DiskFullError)


def test_trouble_without_a_number_is_told_too() -> None:
    with pytest.raises(SpoolError, match="cannot use the input: odd"), disk_errors("the input"):
        raise OSError("odd")


def test_what_is_no_trouble_with_a_disk_passes() -> None:
    with pytest.raises(ValueError, match="other"), disk_errors("the input"):
        raise ValueError("other")


def test_a_file_is_written_whole(tmp_path: Path) -> None:
    write_whole(tmp_path / "a", b"first")

    assert (tmp_path / "a").read_bytes() == b"first"


def test_a_file_is_replaced_whole(tmp_path: Path) -> None:
    write_whole(tmp_path / "a", b"a longer first")

    write_whole(tmp_path / "a", b"second")

    assert (tmp_path / "a").read_bytes() == b"second"


def test_no_draft_is_left_behind(tmp_path: Path) -> None:
    write_whole(tmp_path / "a", b"first")

    assert [path.name for path in tmp_path.iterdir()] == ["a"]


def test_a_file_is_its_owners_alone(tmp_path: Path) -> None:
    write_whole(tmp_path / "a", b"secret")

    assert (tmp_path / "a").stat().st_mode & 0o777 == 0o600


def test_the_torn_draft_of_a_crash_is_no_hindrance(tmp_path: Path) -> None:
    (tmp_path / "a.new").write_bytes(b"a torn draft that is rather long")

    write_whole(tmp_path / "a", b"whole")

    assert (tmp_path / "a").read_bytes() == b"whole"


def test_a_folder_that_is_not_there_cannot_be_synced(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        sync_folder(tmp_path / "nowhere")


def test_a_file_is_old_or_new_whenever_the_writer_is_killed(tmp_path: Path) -> None:
    target = tmp_path / "a"
    write_whole(target, b"a" * 4096)

    for pause in (0.0, 0.01, 0.02):
        writer = subprocess.Popen(
            [sys.executable, "-c", WRITE_FOR_EVER, str(target)], stdout=subprocess.PIPE
        )
        with writer:
            assert writer.stdout is not None
            assert writer.stdout.readline() == b"ready\n"
            with pytest.raises(subprocess.TimeoutExpired):
                writer.wait(timeout=pause)
            writer.send_signal(signal.SIGKILL)

        assert target.read_bytes() in {b"a" * 4096, b"b" * 8192}


def test_a_link_in_place_of_the_draft_is_not_followed(tmp_path: Path) -> None:
    (tmp_path / "precious").write_bytes(b"years")
    (tmp_path / "a.new").symlink_to(tmp_path / "precious")

    with pytest.raises(OSError, match="symbolic links"):
        write_whole(tmp_path / "a", b"new")

    assert (tmp_path / "precious").read_bytes() == b"years"


def test_a_link_in_place_of_a_file_is_replaced(tmp_path: Path) -> None:
    (tmp_path / "precious").write_bytes(b"years")
    (tmp_path / "a").symlink_to(tmp_path / "precious")

    write_whole(tmp_path / "a", b"new")

    assert (tmp_path / "precious").read_bytes() == b"years"
    assert not (tmp_path / "a").is_symlink()


def test_a_plain_file_is_read_whole(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"abc")

    assert read_whole(tmp_path / "a", 3) == b"abc"
    with pytest.raises(NotAFileError, match="a is over 2 bytes"):
        read_whole(tmp_path / "a", 2)


def test_what_is_no_plain_file_is_not_read(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"abc")
    (tmp_path / "link").symlink_to(tmp_path / "a")
    (tmp_path / "folder").mkdir()
    os.mkfifo(tmp_path / "pipe")

    for name in ("link", "folder", "pipe"):
        with pytest.raises(NotAFileError, match=f"{name} is no plain file"):
            read_whole(tmp_path / name, 3)


def test_a_link_is_moved_and_erased_itself(tmp_path: Path) -> None:
    (tmp_path / "precious").mkdir()
    (tmp_path / "precious" / "thesis").write_bytes(b"years")
    (tmp_path / "link").symlink_to(tmp_path / "precious")

    move(tmp_path / "link", tmp_path / "moved")
    assert (tmp_path / "moved").is_symlink()
    erase(tmp_path / "moved")

    assert [path.name for path in tmp_path.iterdir()] == ["precious"]
    assert (tmp_path / "precious" / "thesis").read_bytes() == b"years"


def test_whatever_lies_there_is_erased(tmp_path: Path) -> None:
    (tmp_path / "folder" / "inner").mkdir(parents=True)
    (tmp_path / "folder" / "inner" / "a").touch()
    (tmp_path / "dangling").symlink_to("nowhere")
    (tmp_path / "file").touch()

    for name in ("folder", "dangling", "file", "nothing"):
        erase(tmp_path / name)

    assert list(tmp_path.iterdir()) == []


def fail(number: int) -> None:
    with disk_errors("the input"):
        raise OSError(number, os.strerror(number))
