"""Has the kernel killed a process because memory ran out? It counts, but tells nobody whom."""

from collections.abc import Iterator
from pathlib import Path

_PROC, _GROUPS = Path("/proc"), Path("/sys/fs/cgroup")


class OomKills:
    """Those from now on: in the control group of a process, else on the whole box."""

    def __init__(self, pid: int, proc: Path = _PROC, groups: Path = _GROUPS) -> None:
        self._file: Path | None = None
        self._before = 0
        for file in _counters(pid, proc, groups):
            count = _count(file)
            if count is not None:
                self._file, self._before = file, count
                return

    @property
    def have_happened(self) -> bool:
        """False also where the kernel does not say."""
        now = None if self._file is None else _count(self._file)
        return now is not None and now > self._before


def _counters(pid: int, proc: Path, groups: Path) -> Iterator[Path]:
    try:
        lines = (proc / str(pid) / "cgroup").read_text().splitlines()
    except OSError:
        lines = []
    for line in lines:
        _, controllers, path = line.split(":", 2)
        if not controllers:
            yield groups / path.lstrip("/") / "memory.events"
        elif controllers == "memory":
            yield groups / "memory" / path.lstrip("/") / "memory.oom_control"
    yield proc / "vmstat"


def _count(file: Path) -> int | None:
    try:
        fields = dict(line.rsplit(" ", 1) for line in file.read_text().splitlines())
        return int(fields["oom_kill"])
    except (OSError, KeyError, ValueError):
        return None
