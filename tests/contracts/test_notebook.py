"""What every notebook must do, fake or on disk."""

from pathlib import Path

import pytest

from agent.edges.notebook import DiskNotebook
from agent.ports import Notebook
from tests.fakes.notebook import FakeNotebook

pytestmark = pytest.mark.real_time


@pytest.fixture(params=["disk", "fake"])
def notebook(request: pytest.FixtureRequest, tmp_path: Path) -> Notebook:
    return DiskNotebook(tmp_path / "note.json") if request.param == "disk" else FakeNotebook()


async def test_a_new_one_is_empty(notebook: Notebook) -> None:
    assert await notebook.read() == {}


async def test_what_was_written_last_is_read(notebook: Notebook) -> None:
    await notebook.write({"a": [1, 2.5], "b": "ä"})
    await notebook.write({"a": {"c": None}})

    assert await notebook.read() == {"a": {"c": None}}
