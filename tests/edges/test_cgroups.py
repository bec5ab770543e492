from pathlib import Path

import pytest

from agent.edges.cgroups import Allowance, allowance
from agent.model.ids import Bytes


class Groups:
    """A file system of control groups in a folder."""

    def __init__(self, folder: Path) -> None:
        self.root = folder / "cgroup"
        self.root.mkdir()
        self.membership = folder / "membership"

    def write(self, **files: str) -> None:
        """`a__b__memory_max` is the file a/b/memory.max."""
        for name, text in files.items():
            path = self.root / name.replace("__", "/")
            path = path.with_name(path.name.replace("_", ".", 1))
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text + "\n")

    def allowance(self) -> Allowance:
        return allowance(self.root, self.membership)


@pytest.fixture
def groups(tmp_path: Path) -> Groups:
    return Groups(tmp_path)


def test_in_version_2_every_group_above_limits_us(groups: Groups) -> None:
    groups.membership.write_text("0::/user/agent\n")
    groups.write(
        user__agent__memory_max="max",
        user__memory_max="4000000000",
        user__agent__pids_max="512",
        user__agent__cpu_max="150000 100000",
        cpu_max="max 100000",
    )

    assert groups.allowance() == Allowance(memory=Bytes(4 * 10**9), processes=512, cores=1.5)


def test_in_a_container_our_group_is_the_root_whatever_it_is_called_outside(
    groups: Groups,
) -> None:
    groups.membership.write_text("0::/machine/libpod-1234\n")
    groups.write(memory_max="2000000000")

    assert groups.allowance().memory == 2 * 10**9


def test_version_1_is_read_by_its_controllers(groups: Groups) -> None:
    groups.membership.write_text("4:memory:/job\n3:cpu,cpuacct:/job\n8:pids:/\n0::/\n")
    groups.write(
        memory__job__memory_limit_in_bytes="3000000000",
        pids__pids_max="100",
        cpu__job__cpu_cfs_quota_us="50000",
        cpu__job__cpu_cfs_period_us="100000",
        memory__memory_limit_in_bytes="9223372036854771712",
    )

    assert groups.allowance() == Allowance(memory=Bytes(3 * 10**9), processes=100, cores=0.5)


def test_a_box_without_limits_has_none(groups: Groups) -> None:
    assert groups.allowance() == Allowance()
    groups.membership.write_text("0::/\n")
    groups.write(cpu_max="max 100000", memory_max="max", cpu__cpu_cfs_quota_us="-1")
    assert groups.allowance() == Allowance()


def test_this_box_can_be_read() -> None:
    found = allowance()

    assert found.memory is None or found.memory > 0
