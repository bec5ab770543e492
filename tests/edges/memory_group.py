"""A real control group with little memory, where the box and our rights allow one."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from uuid import uuid4

import pytest

ROOT = Path("/sys/fs/cgroup")
LIMITS = (("memory", "memory.limit_in_bytes"), ("", "memory.max"))
"""Where the groups of each version lie, and what limits them."""


@contextmanager
def memory_group(limit: int) -> Iterator[Path]:
    """The file that takes the ids of its members. Skips the test where there can be no group."""
    group = _made(limit)
    try:
        yield group / "cgroup.procs"
    finally:
        group.rmdir()


def _made(limit: int) -> Path:
    if os.geteuid() != 0:
        pytest.skip("only root may make a memory control group")
    for below, file in LIMITS:
        group = ROOT / below / f"morag-test-{uuid4().hex}"
        try:
            group.mkdir()
        except OSError:
            continue
        try:
            (group / file).write_text(str(limit))
        except OSError:
            group.rmdir()
            continue
        return group
    pytest.skip("this box lets nobody make a memory control group")
