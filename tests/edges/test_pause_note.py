import stat
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from agent.edges.pause_note import LARGEST, NAME, DiskPauseNote
from agent.model.errors import SpoolError
from tests.contracts.test_pause_note import PAUSES

pytestmark = pytest.mark.real_time


async def test_the_next_start_reads_it(tmp_path: Path) -> None:
    await DiskPauseNote(tmp_path).write(PAUSES[1])

    assert DiskPauseNote(tmp_path).read() == PAUSES[1]
    assert stat.S_IMODE((tmp_path / NAME).stat().st_mode) == 0o600


@pytest.mark.parametrize(
    "content",
    [b"", b"{", b"\xff", b'{"version":1}', b'{"version":2,"pause":{}}', b"x" * (LARGEST + 1)],
)
def test_what_cannot_be_read_counts_as_nothing_and_is_told(tmp_path: Path, content: bytes) -> None:
    (tmp_path / NAME).write_bytes(content)

    with capture_logs() as lines:
        assert DiskPauseNote(tmp_path).read() is None

    assert [line["event"] for line in lines] == ["owner.note_not_read"]


async def test_a_disk_that_refuses_is_an_error_of_the_spool(tmp_path: Path) -> None:
    with pytest.raises(SpoolError):
        await DiskPauseNote(tmp_path / "gone").write(PAUSES[0])
