from pathlib import Path

from agent.edges.mounts import existing, mount_of

TABLE = """\
22 1 8:1 / / rw,relatime shared:1 - ext4 /dev/sda1 rw
23 22 0:21 / /proc rw,nosuid,noexec - proc proc rw
24 22 0:30 / {where} rw,relatime - ext4 /dev/sdb1 rw
25 24 0:31 / {where}/spool rw,nosuid,noexec master:2 - nfs4 nas:/spool rw,vers=4.2
26 25 0:32 / {where}/spool ro - tmpfs none ro
27 22 0:33 / {where}\\040more rw - btrfs /dev/sdc rw
broken line
"""


def test_the_deepest_mount_counts_and_of_two_the_later(tmp_path: Path) -> None:
    spool = tmp_path / "spool"
    spool.mkdir()
    table = TABLE.format(where=tmp_path.resolve())

    found = mount_of(spool / "not" / "yet", table)
    beside = mount_of(tmp_path / "other", table)

    assert found is not None
    assert (found.kind, "ro" in found.options) == ("tmpfs", True)
    assert beside is not None
    assert beside.kind == "ext4"
    assert beside.point == tmp_path.resolve()


def test_a_name_that_only_begins_alike_is_another_folder(tmp_path: Path) -> None:
    (tmp_path / "spooled").mkdir()

    found = mount_of(tmp_path / "spooled", TABLE.format(where=tmp_path.resolve()))

    assert found is not None
    assert found.kind == "ext4"


def test_spaces_in_a_path_are_understood(tmp_path: Path) -> None:
    more = tmp_path.with_name(tmp_path.name + " more")
    more.mkdir()

    found = mount_of(more, TABLE.format(where=tmp_path.resolve()))

    assert found is not None
    assert found.kind == "btrfs"


def test_this_systems_own_table_is_read(tmp_path: Path) -> None:
    found = mount_of(tmp_path)

    assert found is not None
    assert found.options & {"rw", "ro"}
    assert mount_of(tmp_path, "") is None


def test_what_is_not_there_yet_lies_in_what_is(tmp_path: Path) -> None:
    assert existing(tmp_path / "a" / "b") == tmp_path
