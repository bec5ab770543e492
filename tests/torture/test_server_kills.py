from pathlib import Path

import pytest

from tests.torture.server_kills import torture

KILLS = 50


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_a_server_killed_at_any_moment_loses_and_doubles_nothing(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    score = torture(tmp_path, KILLS, seed=1)

    with capsys.disabled():
        print(f"\n{score.row()}\n{score.details()}")
    assert score.trials == KILLS
    assert score.jobs > KILLS / 4
    assert score.is_clean, score.details()
