from pathlib import Path

import pytest

from agent.edges.oom_kills import OomKills

PID = 7


class Kernel:
    """The files of a kernel that counts."""

    def __init__(self, root: Path) -> None:
        self.proc, self.groups = root / "proc", root / "cgroup"

    def write(self, path: str, content: str) -> None:
        file = self.proc.parent / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(content)

    def kills(self) -> OomKills:
        return OomKills(PID, self.proc, self.groups)


@pytest.fixture
def kernel(tmp_path: Path) -> Kernel:
    kernel = Kernel(tmp_path)
    kernel.write("proc/vmstat", "nr_free_pages 1\noom_kill 3\n")
    return kernel


VERSION_2 = ("0::/agent.service\n", "cgroup/agent.service/memory.events", "low 0\noom 1\noom_kill ")
VERSION_1 = (
    "4:memory:/docker/abc\n1:cpu:/x:y\n0::/\n",
    "cgroup/memory/docker/abc/memory.oom_control",
    "under_oom 0\noom_kill ",
)


@pytest.mark.parametrize(("group", "file", "start"), [VERSION_2, VERSION_1])
def test_the_count_of_the_own_group_is_what_matters(
    kernel: Kernel, group: str, file: str, start: str
) -> None:
    kernel.write(f"proc/{PID}/cgroup", group)
    kernel.write(file, f"{start}1\n")
    kills = kernel.kills()

    kernel.write("proc/vmstat", "oom_kill 9\n")
    elsewhere = kills.have_happened
    kernel.write(file, f"{start}2\n")

    assert not elsewhere
    assert kills.have_happened


@pytest.mark.parametrize("group", ["0::/\n", "4:memory:/hidden/from/a/container\n", None])
def test_without_a_group_that_can_be_read_the_count_of_the_box_is_taken(
    kernel: Kernel, group: str | None
) -> None:
    if group is not None:
        kernel.write(f"proc/{PID}/cgroup", group)
    kills = kernel.kills()

    before = kills.have_happened
    kernel.write("proc/vmstat", "oom_kill 4\n")

    assert not before
    assert kills.have_happened


@pytest.mark.parametrize("content", ["", "nr_free_pages 1\n", "oom_kill many\n", "\n\n"])
def test_a_kernel_that_does_not_count_accuses_nobody(kernel: Kernel, content: str) -> None:
    kernel.write("proc/vmstat", content)
    kills = kernel.kills()

    kernel.write("proc/vmstat", "oom_kill 4\n")

    assert not kills.have_happened


def test_a_count_that_vanishes_accuses_nobody(kernel: Kernel) -> None:
    kills = kernel.kills()

    (kernel.proc / "vmstat").unlink()

    assert not kills.have_happened
