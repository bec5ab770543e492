from pathlib import Path

import pytest

from tests.torture.resumed_download import score_of, torture


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_after_a_kill_in_the_middle_of_a_gigabyte_only_the_rest_is_fetched(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    score = score_of(torture(tmp_path))

    with capsys.disabled():
        print(f"\n{score.row()}\n{score.details()}")
    assert score.is_clean, score.details()
