from pathlib import Path

import pytest

from agent.edges.disk_speed import BLOCK, measure


def test_a_disk_is_measured_and_left_as_it_was(tmp_path: Path) -> None:
    speed = measure(tmp_path, 4 * BLOCK, longest=10.0)

    assert speed.size == 4 * BLOCK
    assert min(speed.write, speed.read) > 0
    assert speed.sync > 0
    assert list(tmp_path.iterdir()) == []


def test_a_slow_disk_ends_the_writing_early(tmp_path: Path) -> None:
    speed = measure(tmp_path, 2**50, longest=0.05)

    assert 0 < speed.size < 2**40


def test_a_folder_that_cannot_be_written_says_so() -> None:
    with pytest.raises(OSError, match="proc"):
        measure(Path("/proc"), BLOCK, longest=1.0)
