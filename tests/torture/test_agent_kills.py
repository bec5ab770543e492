from pathlib import Path

import pytest

from tests.torture.agent_kills import PHASES, torture

KILLS = 100


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_an_agent_killed_at_any_moment_loses_doubles_and_leaves_nothing(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    score = torture(tmp_path, KILLS, seed=1)

    with capsys.disabled():
        print(f"\n{score.row()}\n{score.details()}")
    assert score.trials == KILLS
    assert score.jobs > KILLS / 4
    assert score.is_clean, score.details()
    assert len(score.where.keys() & PHASES) > len(PHASES) / 2, score.where
