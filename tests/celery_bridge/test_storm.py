from pathlib import Path

import pytest

from tests.celery_bridge.storm import storm
from tests.celery_bridge.yard import yard_in

pytestmark = pytest.mark.slow

TASKS = 30


def test_each_task_has_one_result_though_bridge_agent_and_server_are_killed(tmp_path: Path) -> None:
    with yard_in(tmp_path) as yard:
        outcome = storm(yard, TASKS, patience=60.0)

    for words, result in outcome.results.items():
        assert result["success"] is True, result
        assert words in result["content"]
    assert outcome.stored == {1: TASKS}
    assert (outcome.jobs, outcome.completions) == (TASKS, {1: TASKS})
    assert outcome.left == 0
