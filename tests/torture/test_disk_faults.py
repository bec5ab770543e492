from pathlib import Path

import pytest

from tests.torture.disk_faults import torture
from tests.torture.injector import CHILD_WRITE, KINDS

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]


def test_a_disk_that_fails_at_any_call_of_a_job_loses_doubles_and_leaves_nothing(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    kinds = KINDS.keys() - {CHILD_WRITE}

    score = torture(tmp_path, seed=1, is_whole=False, kinds=kinds)

    with capsys.disabled():
        print(f"\n{score.row()}\n{score.details()}")
    assert score.is_clean, score.details()
    assert not score.where["not reached"], score.where


def test_a_disk_that_fails_under_a_child_is_the_fault_of_the_box(tmp_path: Path) -> None:
    score = torture(tmp_path, seed=1, is_whole=True, kinds={CHILD_WRITE})

    assert score.is_clean, score.details()
