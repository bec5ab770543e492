"""What a box has left is taken only where it is what it seems, and all of it can be removed."""

import os
import stat
from collections.abc import Callable
from pathlib import Path

import pytest

from agent.model.ids import Bytes
from agent.pipelines.box.scratch import opened, scratch_of, taken
from agent.pipelines.box.tree import remove_tree, usage_of
from agent.pipelines.errors import MediaUnreadableError, TooLargeError
from tests.pipelines.conftest import MakeTask


@pytest.fixture
def output(tmp_path: Path) -> Path:
    folder = tmp_path / "output"
    folder.mkdir()
    return folder


def test_a_plain_file_is_opened(scratch: Path) -> None:
    (scratch / "frame.raw").write_bytes(b"pixels")

    with opened(scratch, "frame.raw", Bytes(6)) as file:
        assert file.read() == b"pixels"


def test_a_file_over_the_limit_is_not(scratch: Path) -> None:
    (scratch / "frame.raw").write_bytes(bytes(2**20))

    with pytest.raises(TooLargeError, match=r"more than 0\.5 MiB in 'frame\.raw'"):
        opened(scratch, "frame.raw", Bytes(2**19))


@pytest.mark.parametrize(
    "name", ["", ".", "..", "../file", "/etc/passwd", "a/b", "a\0b", "a" * 300]
)
def test_names_that_lead_elsewhere_are_refused(scratch: Path, name: str) -> None:
    with pytest.raises(MediaUnreadableError):
        opened(scratch, name)


def link_softly(path: Path, file: Path) -> None:
    path.symlink_to(file)


def link_firmly(path: Path, file: Path) -> None:
    path.hardlink_to(file)


def make_pipe(path: Path, _: Path) -> None:
    os.mkfifo(path)


def make_folder(path: Path, _: Path) -> None:
    path.mkdir()


def make_nothing(_path: Path, _file: Path) -> None:
    pass


@pytest.mark.parametrize("make", [link_softly, link_firmly, make_pipe, make_folder, make_nothing])
def test_what_is_no_plain_file_is_neither_opened_nor_taken(
    scratch: Path, file: Path, output: Path, make: Callable[[Path, Path], None]
) -> None:
    make(scratch / "result", file)

    with pytest.raises(MediaUnreadableError):
        opened(scratch, "result")
    with pytest.raises(MediaUnreadableError):
        taken(scratch, "result", output, "result.jpg")
    assert list(output.iterdir()) == []
    assert file.read_text() == "in the file"


def test_a_file_is_taken_under_its_final_name(scratch: Path, output: Path) -> None:
    (scratch / "1.jpg").write_bytes(b"picture")
    (scratch / "1.jpg").chmod(0o6777)

    target = taken(scratch, "1.jpg", output, "thumbnail.jpg", Bytes(100))

    assert target == output / "thumbnail.jpg"
    assert target.read_bytes() == b"picture"
    assert stat.S_IMODE(target.stat().st_mode) == 0o600
    assert list(scratch.iterdir()) == []


def test_a_file_that_is_exchanged_while_it_is_taken_is_not(
    scratch: Path, output: Path, file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (scratch / "1.jpg").write_bytes(b"picture")
    move = Path.rename

    def exchange(path: Path, target: Path) -> Path:
        path.unlink()
        path.hardlink_to(file)
        return move(path, target)

    monkeypatch.setattr(Path, "rename", exchange)

    with pytest.raises(MediaUnreadableError, match="exchanged"):
        taken(scratch, "1.jpg", output, "thumbnail.jpg")
    assert list(output.iterdir()) == []


def test_the_scratch_folder_of_a_task_is_gone_afterwards(make_task: MakeTask, file: Path) -> None:
    task = make_task("image", file)

    with scratch_of(task) as folder:
        (folder / "left").mkdir()
        assert folder.parent == Path(task.output)
    assert list(Path(task.output).iterdir()) == []


def test_a_hostile_tree_is_measured_and_removed(scratch: Path, file: Path) -> None:
    """Deeper than a path can be long, closed to us, and full of links."""
    dig(scratch, "d" * 60, depth=100)
    closed = scratch / "closed"
    (closed / "within").mkdir(parents=True)
    (closed / "within" / "link").symlink_to(file.parent)
    (closed / "pipe").touch()
    closed.chmod(0)
    (scratch / "link").symlink_to(file)

    assert not usage_of(scratch).is_whole
    remove_tree(scratch)

    assert not scratch.exists()
    assert file.read_text() == "in the file"


def dig(folder: Path, name: str, depth: int) -> None:
    """A folder in a folder, so many times, each with something in it."""
    here = os.open(folder, os.O_DIRECTORY)
    for _ in range(depth):
        os.mkdir(name, dir_fd=here)
        below = os.open(name, os.O_DIRECTORY, dir_fd=here)
        os.close(os.open("file", os.O_CREAT | os.O_WRONLY, dir_fd=below))
        os.close(here)
        here = below
    os.close(here)


def test_usage_counts_blocks_and_not_holes(scratch: Path) -> None:
    with (scratch / "sparse").open("wb") as sparse:
        sparse.truncate(10**9)
    (scratch / "folder").mkdir()
    (scratch / "folder" / "full").write_bytes(bytes(100_000))

    usage = usage_of(scratch)

    assert usage.files == 3
    assert 100_000 <= usage.size < 10**6
    assert usage.is_whole
