"""Which files a creator may name: regular ones, within the configured folders, and no others."""

import os
import re
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from agent.server.morag.sources import Source, open_source
from agent.server.problems import ProblemError
from tests.server.morag.old import SOUND, detail_of, old_world

OUTSIDE = "none of the folders"
OPEN = Path("/proc/self/fd")
AS_NOBODY = """
import os, sys
from pathlib import Path
from agent.server.morag.sources import open_source
os.chdir("/")
folder = os.open(sys.argv[1], os.O_RDONLY)
if os.geteuid() == 0:
    os.setgid(65534), os.setuid(65534)
try:
    open_source(f"{sys.argv[1]}/secret.mp3", [Path(sys.argv[1])], Path("/nowhere"))
except Exception as error:
    print(error)
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    folder = tmp_path / "uploads"
    folder.mkdir()
    (folder / "a.mp3").write_bytes(SOUND)
    (tmp_path / "secret").write_bytes(b"secret")
    return folder


def opened(path: Path | str, *folders: Path) -> Source:
    return open_source(str(path), folders, Path("/nowhere"))


def read(source: Source) -> bytes:
    content = os.read(source.handle, 1000)
    source.close()
    return content


def refused(path: Path | str, *folders: Path) -> tuple[int, str]:
    with pytest.raises(ProblemError) as refusal:
        opened(path, *folders)
    assert len(re.findall(r"[.!?](\s|$)", refusal.value.problem.detail)) == 0
    return refusal.value.problem.status, refusal.value.problem.detail


def test_a_file_in_a_folder_is_opened(folder: Path) -> None:
    source = opened(folder / "a.mp3", folder)

    assert (source.filename, source.size, read(source)) == ("a.mp3", len(SOUND), SOUND)


def test_a_link_within_the_folders_is_followed_and_keeps_its_name(folder: Path) -> None:
    (folder / "deep").mkdir()
    (folder / "deep" / "b.mp3").symlink_to(folder / "a.mp3")
    source = opened(folder / "deep" / "b.mp3", folder)

    assert (source.filename, read(source)) == ("b.mp3", SOUND)


def test_a_folder_that_is_itself_a_link_is_the_folder_it_leads_to(
    folder: Path, tmp_path: Path
) -> None:
    (tmp_path / "alias").symlink_to(folder)

    assert read(opened(tmp_path / "alias" / "a.mp3", tmp_path / "alias")) == SOUND
    assert read(opened(folder / "a.mp3", tmp_path / "alias")) == SOUND


@pytest.mark.parametrize(
    "path", ["{0}/secret", "{0}/uploads/../secret", "{0}/uploads/./../secret", "/etc/passwd", "/"]
)
def test_whatever_lies_outside_is_refused(folder: Path, tmp_path: Path, path: str) -> None:
    status, detail = refused(path.format(tmp_path), folder)

    assert status == 403
    assert OUTSIDE in detail


def test_what_lies_outside_is_refused_alike_whether_it_is_there_or_not(
    folder: Path, tmp_path: Path
) -> None:
    assert refused(tmp_path / "secret", folder) == refused(tmp_path / "nothing", folder)


def test_a_folder_whose_name_merely_begins_the_same_lies_outside(
    folder: Path, tmp_path: Path
) -> None:
    (tmp_path / "uploads-of-others").mkdir()
    (tmp_path / "uploads-of-others" / "a.mp3").write_bytes(SOUND)

    assert refused(tmp_path / "uploads-of-others" / "a.mp3", folder)[0] == 403


@pytest.mark.parametrize("target", ["secret", "nothing"])
def test_a_link_that_leads_out_is_refused(folder: Path, tmp_path: Path, target: str) -> None:
    (folder / "link.mp3").symlink_to(tmp_path / target)
    (folder / "out").symlink_to(tmp_path)

    assert refused(folder / "link.mp3", folder)[0] == 403
    assert refused(folder / "out" / target, folder)[0] == 403


def test_a_link_put_there_after_the_look_is_not_followed(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Between the resolution of the path and its opening somebody else is quicker."""
    (folder / "deep").mkdir()
    (folder / "deep" / "a.mp3").write_bytes(SOUND)
    (tmp_path / "a.mp3").write_bytes(b"secret")
    resolve = os.path.realpath

    def resolve_then_swap(path: str | Path) -> str:
        real = resolve(path)
        if Path(path).name == "a.mp3" and not (folder / "deep").is_symlink():
            (folder / "deep").rename(folder / "gone")
            (folder / "deep").symlink_to(tmp_path)
        return real

    monkeypatch.setattr(os.path, "realpath", resolve_then_swap)

    assert refused(folder / "deep" / "a.mp3", folder)[0] in {403, 404}


def test_a_file_that_is_not_there_is_not_found(folder: Path) -> None:
    assert refused(folder / "b.mp3", folder)[0] == 404
    assert refused(folder / "a.mp3" / "b.mp3", folder)[0] == 404


def test_a_link_that_leads_to_itself_is_refused(folder: Path) -> None:
    (folder / "loop").symlink_to(folder / "loop")

    assert refused(folder / "loop", folder)[0] in {403, 404, 422}


def test_what_is_no_regular_file_is_refused_without_waiting_for_it(folder: Path) -> None:
    os.mkfifo(folder / "pipe")
    (folder / "deep").mkdir()

    for path in (folder / "pipe", folder / "deep", folder):
        status, detail = refused(path, folder)
        assert status == 422
        assert "regular file" in detail


@pytest.mark.parametrize("path", ["a.mp3", "", "uploads/a.mp3", "/\0"])
def test_only_an_absolute_path_is_one(folder: Path, path: str) -> None:
    assert refused(path, folder)[0] == 422


def test_without_folders_there_is_one_sentence(folder: Path) -> None:
    status, detail = refused(folder / "a.mp3")

    assert status == 403
    assert "input_folders" in detail


def test_the_data_folder_is_never_taken_from(folder: Path) -> None:
    """It may lie within a folder of inputs; the tokens lie in it."""
    (folder / "data").mkdir()
    (folder / "data" / "server.sqlite3").write_bytes(b"tokens")

    with pytest.raises(ProblemError, match=OUTSIDE):
        open_source(str(folder / "data" / "server.sqlite3"), [folder], folder / "data")


def test_somebody_elses_file_that_the_server_may_not_read_is_refused(folder: Path) -> None:
    secret = folder / "secret.mp3"
    secret.write_bytes(b"secret")
    secret.chmod(0)
    for above in (folder, *folder.parents):
        if above.stat().st_uid == os.geteuid() and above != Path("/"):
            above.chmod(above.stat().st_mode | stat.S_IXOTH)
    command = [sys.executable, "-c", AS_NOBODY, str(folder)]
    said = subprocess.run(command, capture_output=True, text=True, check=True, cwd=os.curdir)

    assert said.stdout.strip() == ("the file at source_file_path cannot be read: Permission denied")


def test_nothing_stays_open_after_a_refusal(folder: Path) -> None:
    before = len(list(OPEN.iterdir()))
    for path in (folder, folder / "b.mp3", folder / "x" / "y"):
        refused(path, folder)

    assert len(list(OPEN.iterdir())) == before


@pytest.mark.real_time
async def test_the_refusals_reach_the_creator_as_the_old_framework_tells_them(
    tmp_path: Path,
) -> None:
    async with old_world(tmp_path) as w:
        assert detail_of(await w.ask(source_file_path="/etc/passwd"))[0] == 403
        assert detail_of(await w.ask(source_file_path=f"{w.folder}/b"))[0] == 404
        assert detail_of(await w.ask(source_file_path="b"))[0] == 422
        assert detail_of(await w.ask(source_file_path=f"{tmp_path}/data/server.lock"))[0] == 403
    async with old_world(tmp_path, input_folders=()) as w:
        assert detail_of(await w.ask())[0] == 403
