"""The data folder: whose it is, what may be removed from it, who may read it."""

import asyncio
import errno
import os
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from agent.server.app import create_app
from agent.server.blobs import FOLDER, Blobs
from agent.server.problems import ProblemError
from agent.server.queue.values import Numbers
from agent.server.settings import ServerSettings
from agent.server.store.schema import DATABASE, ForeignFolderError, open_database
from agent.server.store.store import DataFolderError, DiskFullError, Store, full_disk_named
from agent.server.tokens import TokenKind, create_token
from agent.wire.problems import ProblemCode
from tests.server.full_disk import fill_disk
from tests.server.world import ManualClock, world
from tests.simulation.disk import Disk, watched

pytestmark = pytest.mark.real_time
LOOKS_LIKE_A_JOB = "0123456789abcdef01234567"


async def _open(folder: Path) -> Store:
    return await Store.open(folder, ManualClock(), Numbers(), lambda _: None)


@pytest.mark.parametrize("name", [f"jobs/{LOOKS_LIKE_A_JOB}", f"{FOLDER}/holidays"])
async def test_folders_that_are_not_the_servers_are_left_alone(tmp_path: Path, name: str) -> None:
    theirs = tmp_path / name
    theirs.mkdir(parents=True)

    for _ in range(2):
        async with world(tmp_path):
            pass

    assert await asyncio.to_thread(theirs.exists)


async def test_a_start_without_a_database_removes_no_files(tmp_path: Path) -> None:
    """The database may have been lost: then the files are all that is left."""
    orphan = tmp_path / FOLDER / LOOKS_LIKE_A_JOB
    orphan.mkdir(parents=True)

    async with create_app(ServerSettings(folder=tmp_path)).state.server.lifespan():
        assert await asyncio.to_thread(orphan.exists)


@pytest.mark.parametrize("name", ["morag-spool.json", "lock"])
async def test_the_folder_of_an_agent_is_refused_and_left_as_it_was(
    tmp_path: Path, name: str
) -> None:
    (tmp_path / name).write_text("{}")

    with pytest.raises(ForeignFolderError, match=f"belongs to another program.*{name}"):
        await _open(tmp_path)

    assert os.listdir(tmp_path) == [name]  # noqa: PTH208 - no blocking iterator in a coroutine


def test_no_token_is_made_in_the_folder_of_an_agent(tmp_path: Path) -> None:
    (tmp_path / "morag-spool.json").write_text("{}")

    with pytest.raises(ForeignFolderError):
        create_token(tmp_path, TokenKind.CLIENT)


async def test_a_folder_with_a_database_of_ours_may_hold_a_lock_of_somebody(tmp_path: Path) -> None:
    open_database(tmp_path).close()
    (tmp_path / "lock").touch()

    (await _open(tmp_path)).close()


def test_nobody_else_may_read_the_database(tmp_path: Path) -> None:
    with _umask(0o022), closing(open_database(tmp_path)) as db:
        db.execute("INSERT INTO meta VALUES ('x', 1)")
        modes = {path.name: path.stat().st_mode & 0o777 for path in tmp_path.iterdir()}

    assert modes == {DATABASE + end: 0o600 for end in ("", "-wal", "-shm")}


@contextmanager
def _umask(mask: int) -> Iterator[None]:
    before = os.umask(mask)
    yield
    os.umask(before)


def _sqlite_full() -> sqlite3.Error:
    with closing(sqlite3.connect(":memory:")) as db:
        db.execute("PRAGMA max_page_count = 1")
        with pytest.raises(sqlite3.Error) as full:
            db.execute("CREATE TABLE t (x)")
    return full.value


@pytest.mark.parametrize(
    "error",
    [
        ProblemError(ProblemCode.DISK_FULL, "full"),
        OSError(errno.ENOSPC, "no space left on device"),
        _sqlite_full(),
    ],
    ids=lambda error: type(error).__name__,
)
def test_a_full_disk_has_one_name_and_says_what_to_do(tmp_path: Path, error: Exception) -> None:
    with pytest.raises(DiskFullError, match="is full: make room"), full_disk_named(tmp_path):
        raise error


def test_a_database_that_cannot_be_written_at_the_start_is_trouble_of_the_folder(
    tmp_path: Path,
) -> None:
    with pytest.raises(DataFolderError, match="locked"), full_disk_named(tmp_path):
        raise ProblemError(ProblemCode.UNAVAILABLE, "the database is locked")


async def test_a_start_that_failed_leaves_the_folder_free(tmp_path: Path) -> None:
    with closing(open_database(tmp_path)) as db:
        db.execute(
            "CREATE TRIGGER no BEFORE INSERT ON meta BEGIN SELECT RAISE(ABORT, 'broken'); END"
        )

    for _ in range(2):
        with pytest.raises(sqlite3.Error, match="broken"):
            await _open(tmp_path)


async def test_a_server_stops_cleanly_though_nothing_can_be_written_any_more(
    tmp_path: Path,
) -> None:
    with capture_logs() as logs:
        async with world(tmp_path) as w:
            await fill_disk(w.server)

    assert not w.server.is_running
    assert [line["code"] for line in logs if line["event"] == "end.unnoted"] == ["disk_full"]


def test_the_name_of_the_folder_of_all_files_outlives_a_power_cut(tmp_path: Path) -> None:
    """A job whose input is held elsewhere never syncs it on the way."""
    disk = Disk()

    with watched(disk):
        Blobs(tmp_path, 0).prepare()

    assert FOLDER in disk.listings[tmp_path.stat().st_ino]
