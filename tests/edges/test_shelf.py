import os
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from agent.edges.shelf import Shelf
from agent.model.ids import Seconds

NOON = 1_767_268_800.0  # 2026-01-01 12:00:00 UTC
HOUR = 3600.0


class Wall:
    def __init__(self) -> None:
        self.now = NOON

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def wall() -> Wall:
    return Wall()


@pytest.fixture
def shelf(tmp_path: Path, wall: Wall) -> Shelf:
    shelf = Shelf(tmp_path / "shelf", wall)
    shelf.prepare()
    return shelf


def names_in(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_an_entry_is_named_after_the_time_it_came(tmp_path: Path, shelf: Shelf) -> None:
    (tmp_path / "job").mkdir()
    (tmp_path / "job" / "file").write_bytes(b"abc")

    now_at = shelf.put(tmp_path / "job")

    assert now_at == tmp_path / "shelf" / "20260101T120000Z-job"
    assert (now_at / "file").read_bytes() == b"abc"
    assert names_in(tmp_path) == ["shelf"]


def test_entries_of_one_name_and_second_do_not_meet(tmp_path: Path, shelf: Shelf) -> None:
    for content in ("one", "two", "three"):
        (tmp_path / "a").write_text(content)
        shelf.put(tmp_path / "a")

    found = {path.name: path.read_text() for path in (tmp_path / "shelf").iterdir()}
    assert found == {
        "20260101T120000Z-a": "one",
        "20260101T120000Z-a-2": "two",
        "20260101T120000Z-a-3": "three",
    }


def test_the_longest_and_oddest_names_have_a_place(tmp_path: Path, shelf: Shelf) -> None:
    for name in (b"a" * 255, b"\xff" * 255, "ü".encode() * 127, b"\n\x1b[31m"):
        path = tmp_path / os.fsdecode(name)
        path.touch()
        shelf.put(path)

    assert names_in(tmp_path) == ["shelf"]
    assert len(names_in(tmp_path / "shelf")) == 4


def test_only_what_came_longer_ago_is_removed(tmp_path: Path, shelf: Shelf, wall: Wall) -> None:
    for name in ("early", "late"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "file").touch()
        shelf.put(tmp_path / name)
        wall.now += HOUR

    shelf.remove_older(Seconds(1.5 * HOUR))

    assert names_in(tmp_path / "shelf") == ["20260101T130000Z-late"]


def test_what_others_put_here_goes_by_its_last_change(tmp_path: Path, shelf: Shelf) -> None:
    for name, hours in (("old", 30), ("young", 1)):
        path = tmp_path / "shelf" / name
        path.touch()
        os.utime(path, (NOON - hours * HOUR,) * 2)

    shelf.remove_older(Seconds(24 * HOUR))

    assert names_in(tmp_path / "shelf") == ["young"]


def test_a_link_is_removed_and_not_what_it_leads_to(
    tmp_path: Path, shelf: Shelf, wall: Wall
) -> None:
    (tmp_path / "precious").mkdir()
    (tmp_path / "precious" / "thesis").write_bytes(b"years")
    (tmp_path / "link").symlink_to(tmp_path / "precious")
    (tmp_path / "job").mkdir()
    (tmp_path / "job" / "link").symlink_to(tmp_path / "precious")
    shelf.put(tmp_path / "link")
    shelf.put(tmp_path / "job")

    wall.now += HOUR
    shelf.remove_older(Seconds(1.0))

    assert names_in(tmp_path / "shelf") == []
    assert (tmp_path / "precious" / "thesis").read_bytes() == b"years"


def test_a_clock_that_was_set_back_removes_nothing_early(
    tmp_path: Path, shelf: Shelf, wall: Wall
) -> None:
    (tmp_path / "job").mkdir()
    shelf.put(tmp_path / "job")
    wall.now -= 1000 * HOUR

    shelf.remove_older(Seconds(HOUR))

    assert names_in(tmp_path / "shelf") == ["20260101T120000Z-job"]
    shelf.empty()
    assert names_in(tmp_path / "shelf") == []


def test_what_refuses_is_told_and_keeps_nothing_else(
    tmp_path: Path, shelf: Shelf, monkeypatch: pytest.MonkeyPatch
) -> None:
    unlink = os.unlink

    def refusing(path: str | Path, *, dir_fd: int | None = None) -> None:
        if "stuck" in str(path):
            raise PermissionError(1, "not yours")
        unlink(path, dir_fd=dir_fd)

    for name in ("a", "stuck", "z"):
        (tmp_path / name).touch()
        shelf.put(tmp_path / name)
    monkeypatch.setattr(os, "unlink", refusing)

    with capture_logs() as logs:
        shelf.empty()

    assert names_in(tmp_path / "shelf") == ["20260101T120000Z-stuck"]
    assert [line["event"] for line in logs] == ["spool.not_removed"]


@pytest.mark.parametrize("kind", ["link", "dangling", "file"])
def test_what_lies_in_its_place_becomes_its_first_entry(
    tmp_path: Path, wall: Wall, kind: str
) -> None:
    precious, place = tmp_path / "precious", tmp_path / "shelf"
    precious.mkdir()
    (precious / "thesis").write_bytes(b"years")
    if kind == "file":
        place.write_bytes(b"a file")
    else:
        place.symlink_to(precious if kind == "link" else tmp_path / "nowhere")

    Shelf(place, wall).prepare()

    assert not place.is_symlink()
    assert len(names_in(place)) == 1
    assert names_in(tmp_path) == ["precious", "shelf"]
    assert (precious / "thesis").read_bytes() == b"years"


def test_a_shelf_that_somebody_removed_is_made_again(tmp_path: Path, shelf: Shelf) -> None:
    (tmp_path / "shelf").rmdir()
    (tmp_path / "job").mkdir()

    assert shelf.put(tmp_path / "job").exists()
