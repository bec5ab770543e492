"""Tasks and recordings for the pipelines' tests."""

from collections.abc import Callable
from pathlib import Path

import pytest

from agent.model.ids import JobId, JsonValue
from agent.model.work import Progress, Task
from tests.speech import FOX, SHIP, say

MakeTask = Callable[..., Task]


@pytest.fixture
def make_task(tmp_path: Path) -> MakeTask:
    def make(
        content_type: str, source: Path, filename: str | None = None, **options: JsonValue
    ) -> Task:
        output = tmp_path / "output"
        output.mkdir()
        return Task(
            job_id=JobId("job-1"),
            content_type=content_type,
            input=str(source),
            filename=filename or source.name,
            media_type=None,
            output=str(output),
            options=options,
        )

    return make


@pytest.fixture
def progress() -> list[Progress]:
    """Pass its `append` as the report."""
    return []


@pytest.fixture(scope="session")
def fox(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return say(FOX, tmp_path_factory.mktemp("speech") / "fox.wav")


@pytest.fixture(scope="session")
def ship(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return say(SHIP, tmp_path_factory.mktemp("speech") / "ship.wav")
