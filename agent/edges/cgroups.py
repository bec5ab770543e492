"""What the control groups that we are in allow us: a container has less than its box."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from agent.model.ids import Bytes

ROOT = Path("/sys/fs/cgroup")
MEMBERSHIP = Path("/proc/self/cgroup")
_NO_LIMIT = 2**60
"""Version 1 has no word for it, only a number as large as can be."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Allowance:
    """None: not limited."""

    memory: Bytes | None = None
    processes: int | None = None
    cores: float | None = None


def allowance(root: Path = ROOT, membership: Path = MEMBERSHIP) -> Allowance:
    groups = _groups(membership)
    memory = [
        *_numbers(root, groups.get("", ""), "memory.max"),
        *_numbers(root / "memory", groups.get("memory", ""), "memory.limit_in_bytes"),
    ]
    processes = [
        *_numbers(root, groups.get("", ""), "pids.max"),
        *_numbers(root / "pids", groups.get("pids", ""), "pids.max"),
    ]
    cores = [*_shares(root, groups.get("", "")), *_quotas(root / "cpu", groups.get("cpu", ""))]
    return Allowance(
        memory=Bytes(min(memory)) if memory else None,
        processes=min(processes, default=None),
        cores=min(cores, default=None),
    )


def _groups(membership: Path) -> dict[str, str]:
    """The group by controller; that of version 2 under the empty name."""
    try:
        lines = membership.read_text(encoding="utf-8").splitlines()
    except OSError:
        return {}
    found: dict[str, str] = {}
    for line in lines:
        _, controllers, path = line.split(":", 2)
        found |= dict.fromkeys(controllers.split(","), path)
    return found


def _numbers(root: Path, group: str, name: str) -> Iterator[int]:
    for text in _texts(root, group, name):
        if text.isdigit() and int(text) < _NO_LIMIT:
            yield int(text)


def _shares(root: Path, group: str) -> Iterator[float]:
    for text in _texts(root, group, "cpu.max"):
        yield from _share(*text.split())


def _quotas(root: Path, group: str) -> Iterator[float]:
    periods = _texts(root, group, "cpu.cfs_period_us")
    for quota, period in zip(_texts(root, group, "cpu.cfs_quota_us"), periods, strict=False):
        yield from _share(quota, period)


def _share(quota: str, period: str) -> Iterator[float]:
    if quota.isdigit() and period.isdigit() and int(period):
        yield int(quota) / int(period)


def _texts(root: Path, group: str, name: str) -> Iterator[str]:
    """From our group up to the root of what we see: each of them limits us.

    In a container our own group is often the root, whatever its path is called outside.
    """
    path = PurePosixPath("/", group)
    for folder in dict.fromkeys((path, *path.parents)):
        if (text := _read(root / folder.relative_to("/") / name)) is not None:
            yield text


def _read(path: Path) -> str | None:
    try:
        return path.read_text(encoding="utf-8").strip()
    except OSError:
        return None
