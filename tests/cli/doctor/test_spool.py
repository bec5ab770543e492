from pathlib import Path

import pytest

from agent.cli.doctor.check import Verdict
from agent.cli.doctor.spool import (
    data_finding,
    folder_finding,
    leftovers_finding,
    mount_finding,
    speed_finding,
    spool_checks,
)
from agent.config import Settings
from agent.edges.disk_speed import DiskSpeed
from agent.edges.mounts import Mount
from agent.edges.spool_sight import Pile, SpoolSight
from tests.cli.doctor.patients import patient

MB = 10**6


def test_the_spool_must_be_a_folder_with_room(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")

    def verdict(spool: Path, *, reserve: int = 1, largest: int = 1) -> Verdict:
        settings = Settings(spool=spool, spool_reserve=reserve, max_file_size=largest)
        return folder_finding(settings).verdict

    assert verdict(tmp_path) is Verdict.OK
    assert verdict(tmp_path, reserve=0) is Verdict.OK
    assert verdict(tmp_path / "not" / "yet") is Verdict.OK
    assert verdict(tmp_path / "file") is Verdict.ERROR
    assert verdict(tmp_path / "file" / "spool") is Verdict.ERROR
    assert verdict(tmp_path, largest=2**60) is Verdict.WARNING
    assert verdict(tmp_path, reserve=2**60) is Verdict.ERROR
    assert not (tmp_path / "not").exists()


def test_a_spool_that_takes_no_file_is_told() -> None:
    found = folder_finding(Settings(spool=Path("/proc")))

    assert found.verdict is Verdict.ERROR
    assert found.advice.startswith("give another folder with --spool")


def test_the_servers_folder_is_looked_at_by_the_same_measure(tmp_path: Path) -> None:
    (tmp_path / "file").touch()

    assert data_finding(tmp_path).verdict is Verdict.OK
    assert data_finding(tmp_path / "file").verdict is Verdict.ERROR
    assert "made by the first `serve`" in data_finding(tmp_path / "new").seen


@pytest.mark.parametrize(
    ("kind", "options", "inodes", "verdict", "words"),
    [
        ("ext4", "rw,relatime", 10**6, Verdict.OK, "room for 1,000,000 files"),
        ("btrfs", "rw", None, Verdict.OK, "btrfs at /srv"),
        ("ext4", "rw,noexec", None, Verdict.ERROR, "noexec"),
        ("ext4", "ro", None, Verdict.ERROR, "reading only"),
        ("ext4", "rw", 900, Verdict.WARNING, "900 files"),
        ("tmpfs", "rw", None, Verdict.WARNING, "memory"),
        ("nfs4", "rw", None, Verdict.WARNING, "network"),
    ],
)
def test_how_the_spool_is_mounted_is_judged(
    kind: str, options: str, inodes: int | None, verdict: Verdict, words: str
) -> None:
    mount = Mount(Path("/srv"), kind, frozenset(options.split(",")))

    found = mount_finding(mount, inodes, reads_documents=True)

    assert found.verdict is verdict
    assert words in found.seen
    assert (found.advice == "") is (verdict is Verdict.OK)


def test_noexec_matters_to_documents_alone() -> None:
    mount = Mount(Path("/srv"), "ext4", frozenset({"rw", "noexec"}))

    assert mount_finding(mount, None, reads_documents=False).verdict is Verdict.OK
    assert mount_finding(None, None, reads_documents=True).verdict is Verdict.UNKNOWN


@pytest.mark.parametrize(
    ("write", "sync", "verdict"),
    [
        (500 * MB, 0.002, Verdict.OK),
        (5 * MB, 0.002, Verdict.WARNING),
        (90 * MB, 0.4, Verdict.WARNING),
    ],
)
def test_a_slow_disk_is_told(write: float, sync: float, verdict: Verdict) -> None:
    found = speed_finding(DiskSpeed(64 * MB, write, 2 * write, sync))

    assert found.verdict is verdict
    assert found.measured["write_bytes_per_s"] == write


@pytest.mark.parametrize(
    ("sight", "verdict", "words"),
    [
        (SpoolSight(is_there=False), Verdict.OK, "no agent has worked here yet"),
        (SpoolSight(is_there=True), Verdict.OK, "nothing is left over"),
        (
            SpoolSight(is_there=True, is_in_use=True, piles={"held": Pile(2, 5 * MB, 90.0)}),
            Verdict.OK,
            "an agent runs here; held 2 (5 MB, oldest 1:30)",
        ),
        (
            SpoolSight(is_there=True, piles={"held": Pile(1, MB, 90.0)}),
            Verdict.WARNING,
            "no agent runs here; held 1",
        ),
        (
            SpoolSight(is_there=True, is_in_use=True, piles={"kept": Pile(3, 9000 * MB, 1.0)}),
            Verdict.WARNING,
            "kept 3 (9000 MB",
        ),
    ],
)
def test_what_lies_in_the_spool_is_told(sight: SpoolSight, verdict: Verdict, words: str) -> None:
    found = leftovers_finding(sight)

    assert found.verdict is verdict
    assert words in found.seen


def test_the_disk_is_measured_and_nothing_stays_on_it(tmp_path: Path) -> None:
    before = list(tmp_path.iterdir())
    settings = Settings(spool=tmp_path / "spool", spool_reserve=0)
    (check,) = (one for one in spool_checks(patient(settings)) if one.name == "disk speed")

    found = check.look()

    assert "MB/s" in found.seen
    assert list(tmp_path.iterdir()) == before


def test_a_disk_without_room_to_try_is_left_alone(tmp_path: Path) -> None:
    settings = Settings(spool=tmp_path, spool_reserve=2**60)
    (check,) = (one for one in spool_checks(patient(settings)) if one.name == "disk speed")

    assert check.look().verdict is Verdict.NOT_APPLICABLE
