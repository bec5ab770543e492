import asyncio
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from agent.edges.notebook import LARGEST, DiskNotebook
from agent.model.errors import SpoolError


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "note.json"


def test_a_note_outlasts_the_process_that_wrote_it(path: Path) -> None:
    asyncio.run(DiskNotebook(path).write({"a": 1}))

    assert asyncio.run(DiskNotebook(path).read()) == {"a": 1}
    assert path.stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b"\xff\xfe", b" " * (LARGEST + 1)])
def test_a_broken_note_is_set_aside_with_a_warning(path: Path, content: bytes) -> None:
    path.write_bytes(content)

    with capture_logs() as logs:
        assert asyncio.run(DiskNotebook(path).read()) == {}

    assert [(entry["event"], entry["log_level"]) for entry in logs] == [
        ("note.set_aside", "warning")
    ]
    assert path.with_name("note.json.broken").read_bytes() == content
    assert not path.exists()


def test_no_link_is_followed(path: Path, tmp_path: Path) -> None:
    elsewhere = tmp_path / "elsewhere"
    elsewhere.write_text('{"a": 1}')
    path.symlink_to(elsewhere)

    assert asyncio.run(DiskNotebook(path).read()) == {}
    assert elsewhere.read_text() == '{"a": 1}'


def test_a_folder_that_is_gone_is_told(path: Path) -> None:
    with pytest.raises(SpoolError, match=r"note\.json"):
        asyncio.run(DiskNotebook(path.parent / "gone" / "note.json").write({}))
