"""What a start finds: the states that a crash leaves between two steps, and what is no job."""

import json
import os
import shutil
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from agent.edges.job_folder import DiskJobFolder
from agent.edges.spool import DiskSpool
from agent.model.errors import SpoolError
from agent.model.held import Journal
from agent.model.ids import Seconds
from agent.model.lease import Stage
from agent.model.work import Produced
from tests.edges.server import an_offer

pytestmark = pytest.mark.real_time

SECRET = "hf_verysecret"  # noqa: S105 - opens nothing
OFFER = replace(an_offer(), options={"token": SECRET})
PRODUCED = Produced((("a.md", "text/markdown"), ("pages/1.md", "text/markdown")), {"words": 7})
HOUR = 3600.0


@asynccontextmanager
async def start(
    root: Path, now: float = 0.0
) -> AsyncIterator[tuple[DiskSpool, tuple[DiskJobFolder, ...]]]:
    spool = DiskSpool(root, Seconds(24 * HOUR), lambda: now)
    try:
        found = await spool.held()
        yield spool, found
        for folder in found:
            folder.close()
    finally:
        spool.close()


async def journals_at(root: Path) -> list[Journal]:
    async with start(root) as (_, found):
        return [folder.journal for folder in found]


async def a_job(root: Path, *, sealed: bool = False, finished: bool = False) -> Path:
    """A job that an earlier start left; its folder."""
    async with start(root) as (spool, _):
        folder = await spool.open_job(OFFER)
        await folder.input.restart('"v1"')
        await folder.input.append(b"abc")
        await folder.input.flush()
        if sealed or finished:
            await folder.seal_input()
        if finished:
            await compute(folder)
        folder.close()
    (path,) = (root / "held").iterdir()
    return path


async def compute(folder: DiskJobFolder) -> None:
    output = Path(await folder.begin())
    (output / "pages").mkdir()
    (output / "a.md").write_bytes(b"# A\n")
    (output / "pages" / "1.md").write_bytes(b"one")
    await folder.seal(PRODUCED, {"process": 1.0})


def names_in(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def everything_below(folder: Path) -> set[str]:
    return {str(path.relative_to(folder)) for path in folder.rglob("*")}


def open_files() -> int:
    return len(names_in(Path("/proc/self/fd")))


async def test_nothing_is_opened_for_a_job_that_is_only_listed(tmp_path: Path) -> None:
    await a_job(tmp_path)
    before = open_files()

    async with start(tmp_path) as (_, found):
        assert len(found) == 1
        assert open_files() == before + 1  # the lock


async def test_what_a_job_keeps_is_its_owners_alone(tmp_path: Path) -> None:
    path = await a_job(tmp_path, finished=True)

    ours = [path, *(path / name for name in ("journal.json", "input", "results"))]
    assert {one.stat().st_mode & 0o077 for one in ours} == {0}


# Between the steps of opening a job.


@pytest.mark.parametrize("names", [(), ("journal.json.new",)])
async def test_an_opening_that_was_cut_short_is_removed_silently(
    tmp_path: Path, names: tuple[str, ...]
) -> None:
    async with start(tmp_path):
        path = tmp_path / "held" / "name"
        path.mkdir()
        for name in names:
            (path / name).write_bytes(b"torn")

    with capture_logs() as logs:
        assert await journals_at(tmp_path) == []

    assert names_in(tmp_path / "held") == names_in(tmp_path / "aside") == []
    assert logs == []


async def test_an_opening_that_was_cut_short_can_be_repeated_at_once(tmp_path: Path) -> None:
    path = await a_job(tmp_path)
    for inner in path.iterdir():
        inner.unlink()

    async with start(tmp_path) as (spool, _):
        path.mkdir()
        folder = await spool.open_job(OFFER)
        folder.close()

    assert names_in(tmp_path / "aside") == []
    assert await journals_at(tmp_path) == [Journal(offer=OFFER)]


async def test_a_job_that_cannot_be_opened_leaves_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> None:
        raise OSError(28, "full")

    async with start(tmp_path) as (spool, _):
        with monkeypatch.context() as broken:
            broken.setattr(os, "fsync", full)
            with pytest.raises(SpoolError):
                await spool.open_job(OFFER)

        assert names_in(tmp_path / "held") == []


async def test_what_lies_where_a_new_job_belongs_is_set_aside(tmp_path: Path) -> None:
    path = await a_job(tmp_path)

    async with start(tmp_path) as (spool, _):
        with capture_logs() as logs:
            folder = await spool.open_job(OFFER)
        assert folder.input.length == 0
        folder.close()

    assert [line["event"] for line in logs] == ["spool.set_aside"]
    assert names_in(tmp_path / "aside") == [f"19700101T000000Z-{path.name}"]
    assert names_in(path) == ["journal.json"]


# Between the steps of going on under another lease, of a computation and of its end.


async def test_a_draft_beside_a_journal_changes_nothing(tmp_path: Path) -> None:
    path = await a_job(tmp_path)
    (path / "journal.json.new").write_bytes(b'{"version": 1, "off')

    assert await journals_at(tmp_path) == [Journal(offer=OFFER)]


async def test_an_input_that_was_renamed_and_no_more_is_whole(tmp_path: Path) -> None:
    path = await a_job(tmp_path)
    (path / "input.part").rename(path / "input")

    async with start(tmp_path) as (_, (folder,)):
        assert folder.journal == Journal(offer=OFFER, is_input_whole=True)
        assert folder.journal.stage is Stage.QUEUED
        assert await folder.seal_input() == str(path / "input")

    assert names_in(path) == ["input", "journal.json"]


async def test_an_input_of_another_size_than_promised_is_not_whole(tmp_path: Path) -> None:
    path = await a_job(tmp_path, sealed=True)
    os.truncate(path / "input", 2)

    assert await journals_at(tmp_path) == [Journal(offer=OFFER)]


@pytest.mark.parametrize("leave", [None, "results"])
async def test_a_computation_that_was_counted_and_no_more_can_begin(
    tmp_path: Path, leave: str | None
) -> None:
    path = await a_job(tmp_path, finished=True)
    known = json.loads((path / "journal.json").read_bytes())
    known.update(computations=2, finished=None)
    (path / "journal.json").write_text(json.dumps(known))
    if leave is None:
        (path / "results").rename(tmp_path / "gone")

    async with start(tmp_path) as (_, (folder,)):
        assert folder.journal == Journal(offer=OFFER, is_input_whole=True, computations=2)
        output = Path(await folder.begin())

        assert names_in(output) == []
        assert folder.journal.computations == 3


async def test_results_that_were_synced_and_not_journalled_are_computed_again(
    tmp_path: Path,
) -> None:
    path = await a_job(tmp_path, sealed=True)
    async with start(tmp_path) as (_, (folder,)):
        output = Path(await folder.begin())
        (output / "a.md").write_bytes(b"# A\n")

    (journal,) = await journals_at(tmp_path)

    assert (journal.finished, journal.stage) == (None, Stage.PROCESSING)
    assert "results" in names_in(path)


def lose(path: Path) -> None:
    path.unlink()


def cut(path: Path) -> None:
    os.truncate(path, 2)


def link(path: Path) -> None:
    path.rename(path.with_name("elsewhere"))
    path.symlink_to(path.with_name("elsewhere"))


def rot(path: Path) -> None:
    path.write_bytes(bytes(byte ^ 1 for byte in path.read_bytes()))


@pytest.mark.parametrize("damage", [lose, cut, link, rot])
@pytest.mark.parametrize("name", ["a.md", "pages/1.md"])
async def test_a_finished_result_whose_files_are_not_right_is_computed_again(
    tmp_path: Path, damage: Callable[[Path], None], name: str
) -> None:
    path = await a_job(tmp_path, finished=True)
    damage(path / "results" / name)

    with capture_logs() as logs:
        async with start(tmp_path) as (_, (folder,)):
            assert folder.journal == Journal(offer=OFFER, is_input_whole=True, computations=1)
            await compute(folder)

    assert [(line["event"], line["names"]) for line in logs] == [("spool.results_damaged", (name,))]
    assert (await journals_at(tmp_path))[0].stage is Stage.UPLOADING


async def test_a_result_is_forgotten_before_its_files_are_removed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Else a kill in between would leave a journal that speaks of files that are gone."""

    def broken(*_: object) -> None:
        raise OSError(5, "broken")

    await a_job(tmp_path, finished=True)
    async with start(tmp_path) as (_, (folder,)):
        with monkeypatch.context() as disk:
            disk.setattr(shutil, "rmtree", broken)
            with pytest.raises(SpoolError):
                await folder.begin()

    (journal,) = await journals_at(tmp_path)
    assert (journal.finished, journal.computations) == (None, 2)


# Between the steps of removing and of keeping a job.


async def test_a_removal_that_was_cut_short_is_finished_by_the_next_start(tmp_path: Path) -> None:
    path = await a_job(tmp_path, finished=True)
    path.rename(tmp_path / "trash" / "20260101T000000Z-name")
    (tmp_path / "trash" / "20260101T000000Z-name" / "journal.json").unlink()

    assert await journals_at(tmp_path) == []

    assert names_in(tmp_path / "trash") == names_in(tmp_path / "aside") == []


async def test_a_removal_that_fails_halfway_is_no_job_any_more(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    unlink = os.unlink

    def refusing(path: str, *, dir_fd: int | None = None) -> None:
        if path == "input":
            raise OSError(5, "broken")
        unlink(path, dir_fd=dir_fd)

    await a_job(tmp_path, sealed=True)
    async with start(tmp_path) as (_, (folder,)):
        with monkeypatch.context() as broken:
            broken.setattr(os, "unlink", refusing)
            with pytest.raises(SpoolError):
                await folder.remove()

        assert names_in(tmp_path / "held") == []
    assert await journals_at(tmp_path) == []
    assert names_in(tmp_path / "trash") == []


async def test_a_job_that_is_over_leaves_nothing(tmp_path: Path) -> None:
    await a_job(tmp_path, finished=True)

    async with start(tmp_path) as (_, (folder,)):
        await folder.remove()

        assert everything_below(tmp_path) == {
            *("lock", "morag-spool.json"),
            *("held", "kept", "aside", "trash"),
        }


async def test_keeping_that_was_cut_short_leaves_a_job(tmp_path: Path) -> None:
    path = await a_job(tmp_path)
    (path / "lost.json").write_text('{"reason": "superseded"}')

    async with start(tmp_path) as (_, (folder,)):
        assert folder.journal == Journal(offer=OFFER)
        await folder.keep("cancelled")

    (kept,) = (tmp_path / "kept").iterdir()
    assert json.loads((kept / "lost.json").read_bytes()) == {"reason": "cancelled"}


async def test_what_is_kept_has_all_files_and_a_reason(tmp_path: Path) -> None:
    path = await a_job(tmp_path, finished=True)

    async with start(tmp_path, now=3600.0) as (_, (folder,)):
        await folder.keep("superseded")

    (kept,) = (tmp_path / "kept").iterdir()
    assert kept.name == f"19700101T010000Z-{path.name}"
    assert names_in(kept) == ["input", "journal.json", "lost.json", "results"]
    assert json.loads((kept / "lost.json").read_bytes()) == {"reason": "superseded"}


async def test_a_full_disk_keeps_no_job_that_is_lost(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> int:
        raise OSError(28, "full")

    await a_job(tmp_path)
    async with start(tmp_path) as (_, (folder,)):
        with monkeypatch.context() as broken:
            broken.setattr(os, "write", full)
            await folder.keep("superseded")

    assert await journals_at(tmp_path) == []
    assert len(names_in(tmp_path / "kept")) == 1


# What is no job.


def a_file(path: Path) -> None:
    path.write_bytes(b"a file")


def a_link(path: Path) -> None:
    path.symlink_to(path.parent.parent / "precious")


def a_dangling_link(path: Path) -> None:
    path.symlink_to("nowhere")


def a_pipe(path: Path) -> None:
    os.mkfifo(path)


def a_foreign_folder(path: Path) -> None:
    path.mkdir()
    (path / "thesis").write_bytes(b"years")


def journal_of(content: bytes) -> Callable[[Path], None]:
    def put(path: Path) -> None:
        path.mkdir()
        (path / "journal.json").write_bytes(content)

    return put


def a_journal_that_is_a_link(path: Path) -> None:
    path.mkdir()
    (path / "journal.json").symlink_to("/etc/passwd")


def a_journal_that_is_a_folder(path: Path) -> None:
    (path / "journal.json").mkdir(parents=True)


def a_journal_with_secrets(path: Path) -> None:
    content = {"version": 1, "offer": {"options": SECRET, "lease_id": 7}}
    journal_of(json.dumps(content).encode())(path)


@pytest.mark.parametrize(
    ("misfit", "reason"),
    [
        (a_file, "it is no folder"),
        (a_link, "it is no folder"),
        (a_dangling_link, "it is no folder"),
        (a_pipe, "it is no folder"),
        (a_foreign_folder, "it has no journal"),
        (journal_of(b""), "its journal does not fit"),
        (journal_of(b'{"version": 2}'), "its journal is of version 2, this agent knows 1"),
        (a_journal_that_is_a_link, "journal.json is no plain file"),
        (a_journal_that_is_a_folder, "journal.json is no plain file"),
        (a_journal_with_secrets, "its journal does not fit"),
    ],
)
async def test_what_is_no_job_is_set_aside_and_told(
    tmp_path: Path, misfit: Callable[[Path], None], reason: str
) -> None:
    job = await a_job(tmp_path)
    (tmp_path / "precious").mkdir()
    (tmp_path / "precious" / "journal.json").write_bytes(b"years")
    misfit(tmp_path / "held" / "odd")

    with capture_logs() as logs:
        assert await journals_at(tmp_path) == [Journal(offer=OFFER)]

    assert names_in(tmp_path / "held") == [job.name]
    assert names_in(tmp_path / "aside") == ["19700101T000000Z-odd"]
    assert names_in(tmp_path / "precious") == ["journal.json"]
    (line,) = logs
    assert (line["event"], line["path"]) == ("spool.set_aside", f"{tmp_path}/held/odd")
    assert str(line["reason"]).startswith(reason)
    assert SECRET not in str(logs)


async def test_what_cannot_be_moved_does_not_stop_the_start(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def busy(*_: object) -> None:
        raise OSError(16, "busy")

    await a_job(tmp_path)
    a_file(tmp_path / "held" / "odd")
    monkeypatch.setattr(os, "rename", busy)

    with capture_logs() as logs:
        assert len(await journals_at(tmp_path)) == 1

    assert [line["event"] for line in logs] == ["spool.not_set_aside"]


async def test_a_job_that_the_disk_will_not_show_is_left_for_the_next_start(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = os.open

    def broken(path: str | Path, *how: int, **more: int) -> int:
        if Path(path).name == "journal.json":
            raise OSError(5, "broken")
        return real(path, *how, **more)

    await a_job(tmp_path)
    with monkeypatch.context() as disk, capture_logs() as logs:
        disk.setattr(os, "open", broken)
        assert await journals_at(tmp_path) == []

    assert [line["event"] for line in logs] == ["spool.not_read"]
    assert await journals_at(tmp_path) == [Journal(offer=OFFER)]


@pytest.mark.parametrize("place", ["held", "kept", "aside", "trash"])
@pytest.mark.parametrize("kind", [a_file, a_link, a_dangling_link])
async def test_what_lies_in_place_of_our_folders_does_not_stop_the_start(
    tmp_path: Path, place: str, kind: Callable[[Path], None]
) -> None:
    root = tmp_path / "spool"
    precious = tmp_path / "precious"
    precious.mkdir()
    (precious / "thesis").write_bytes(b"years")
    async with start(root):
        pass
    (root / place).rmdir()
    kind(root / place)

    async with start(root) as (spool, found):
        assert found == ()
        for other in ("lost", "done", "held"):
            folder = await spool.open_job(an_offer(other))
            await (folder.keep("lost") if other == "lost" else folder.seal_input())
            if other == "done":
                await folder.remove()
            folder.close()
        await spool.tidy()

    assert {(root / name).is_symlink() for name in names_in(root)} == {False}
    assert len(await journals_at(root)) == 1
    assert everything_below(precious) == {"thesis"}


# The retention time.


async def test_what_was_kept_or_set_aside_stays_for_the_retention_time(tmp_path: Path) -> None:
    await a_job(tmp_path)
    a_foreign_folder(tmp_path / "held" / "odd")
    async with start(tmp_path, now=0.0) as (_, (folder,)):
        await folder.keep("superseded")

    async with start(tmp_path, now=23 * HOUR) as (spool, _):
        await spool.tidy()
        assert [len(names_in(tmp_path / shelf)) for shelf in ("kept", "aside")] == [1, 1]

    async with start(tmp_path, now=25 * HOUR) as (spool, _):
        assert [len(names_in(tmp_path / shelf)) for shelf in ("kept", "aside")] == [1, 1]
        await spool.tidy()
        assert [len(names_in(tmp_path / shelf)) for shelf in ("kept", "aside")] == [0, 0]


async def test_tidying_touches_no_job_however_old(tmp_path: Path) -> None:
    await a_job(tmp_path, finished=True)

    async with start(tmp_path, now=1e9) as (spool, _):
        await spool.tidy()

    assert len(await journals_at(tmp_path)) == 1


async def test_a_link_that_was_set_aside_is_removed_and_not_what_it_leads_to(
    tmp_path: Path,
) -> None:
    root, precious = tmp_path / "spool", tmp_path / "precious"
    precious.mkdir()
    (precious / "thesis").write_bytes(b"years")
    async with start(root):
        (root / "held" / "odd").symlink_to(precious)

    async with start(root, now=0.0):
        pass
    async with start(root, now=25 * HOUR) as (spool, _):
        await spool.tidy()

    assert names_in(root / "aside") == []
    assert everything_below(precious) == {"thesis"}
